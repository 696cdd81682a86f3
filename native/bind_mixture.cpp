// Bindings of kernels of mixtures.
#include "bindings.hpp"

namespace cofactor {
namespace {

Posterior posterior_of(size_t rows, size_t k, const Array1<const double>& weights,
                       const Array2<double>& probability, const Array1<double>& log_norm,
                       const Array1<Label>& best) {
    if (k == 0) throw nb::value_error("offsets is empty, expected at least one component");
    expect("weights", weights, {rows});
    expect("probability", probability, {k, rows});
    expect("log_norm", log_norm, {rows});
    expect("best", best, {rows});
    return {weights.data(), matrix(probability), log_norm.data(), best.data()};
}

// Slopes over x, over [x, |x|^2] or over [x, x^2].
Matrix<const double> slopes_of(size_t d, const Array2<const double>& slopes,
                               const Array1<const double>& offsets) {
    const size_t features = slopes.shape(1);
    if (features != d && features != d + 1) expect("slopes", slopes, {slopes.shape(0), 2 * d});
    expect("offsets", offsets, {slopes.shape(0)});
    return matrix(slopes);
}

Gaussians gaussians(size_t d, const Array3<const double>& factors,
                    const Array2<const double>& centers, const Array1<const double>& offsets) {
    const size_t k = centers.shape(0), n_factors = factors.shape(0);
    expect("factors", factors, {n_factors == 1 ? 1 : k, d, d});
    expect("centers", centers, {k, d});
    expect("offsets", offsets, {k});
    return {factors.data(), n_factors, matrix(centers), offsets.data()};
}

template <class T>
void bind_affine(nb::module_& module, const MixtureKernels<T>& kernels) {
    module.def(
        "affine_posterior",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array2<const double>& slopes, const Array1<const double>& offsets,
                   const Array1<const double>& weights, const Array2<double>& probability,
                   const Array1<double>& log_norm, const Array1<Label>& best) {
            expect("shift", shift, {X.shape(1)});
            kernels.affine_posterior(
                matrix(X), shift.data(), slopes_of(X.shape(1), slopes, offsets), offsets.data(),
                posterior_of(X.shape(0), slopes.shape(0), weights, probability, log_norm, best));
        },
        named("X"), named("shift"), named("slopes"), named("offsets"), named("weights"),
        named("probability"), named("log_norm"), named("best"), Unlocked());
    module.def(
        "affine_top",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array2<const double>& slopes, const Array1<const double>& offsets,
                   const Array2<Label>& index, const Array2<double>& loss) {
            expect("shift", shift, {X.shape(1)});
            kernels.affine_top(matrix(X), shift.data(), slopes_of(X.shape(1), slopes, offsets),
                               offsets.data(), places(X.shape(0), slopes.shape(0), index, loss),
                               loss.data());
        },
        named("X"), named("shift"), named("slopes"), named("offsets"), named("index"),
        named("loss"), Unlocked());
}

template <class T>
void bind_whitened(nb::module_& module, const MixtureKernels<T>& kernels) {
    module.def(
        "whitened_posterior",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array3<const double>& factors, const Array2<const double>& centers,
                   const Array1<const double>& offsets, const Array1<const double>& weights,
                   const Array2<double>& probability, const Array1<double>& log_norm,
                   const Array1<Label>& best) {
            expect("shift", shift, {X.shape(1)});
            kernels.whitened_posterior(
                matrix(X), shift.data(), gaussians(X.shape(1), factors, centers, offsets),
                posterior_of(X.shape(0), centers.shape(0), weights, probability, log_norm, best));
        },
        named("X"), named("shift"), named("factors"), named("centers"), named("offsets"),
        named("weights"), named("probability"), named("log_norm"), named("best"), Unlocked());
    module.def(
        "whitened_top",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array3<const double>& factors, const Array2<const double>& centers,
                   const Array1<const double>& offsets, const Array2<Label>& index,
                   const Array2<double>& loss) {
            expect("shift", shift, {X.shape(1)});
            kernels.whitened_top(matrix(X), shift.data(),
                                 gaussians(X.shape(1), factors, centers, offsets),
                                 places(X.shape(0), centers.shape(0), index, loss), loss.data());
        },
        named("X"), named("shift"), named("factors"), named("centers"), named("offsets"),
        named("index"), named("loss"), Unlocked());
}

template <class T>
void bind_moments(nb::module_& module, const MixtureKernels<T>& kernels) {
    const auto by_column = [&module](const char* name, const char* out, auto kernel) {
        module.def(
            name,
            [kernel, out](const Array2<const T>& X, const Array1<const double>& shift,
                          const Array2<const double>& weight, const Array2<double>& moments) {
                expect("shift", shift, {X.shape(1)});
                expect("weight", weight, {weight.shape(0), X.shape(0)});
                expect(out, moments, {weight.shape(0), X.shape(1)});
                kernel(matrix(X), shift.data(), matrix(weight), moments.data());
            },
            named("X"), named("shift"), named("weight"), named(out), Unlocked());
    };
    by_column("component_sums", "sums", kernels.component_sums);
    by_column("component_squares", "squares", kernels.component_squares);
    module.def(
        "component_grams",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array2<const double>& weight, const Array3<double>& grams) {
            expect("shift", shift, {X.shape(1)});
            expect("weight", weight, {weight.shape(0), X.shape(0)});
            expect("grams", grams, {weight.shape(0), X.shape(1), X.shape(1)});
            kernels.component_grams(matrix(X), shift.data(), matrix(weight), grams.data());
        },
        named("X"), named("shift"), named("weight"), named("grams"), Unlocked());
}

}  // namespace

void bind_mixture(nb::module_& module, const Kernels& kernels) {
    bind_affine(module, kernels.mixture_f32);
    bind_whitened(module, kernels.mixture_f32);
    bind_moments(module, kernels.mixture_f32);
    bind_affine(module, kernels.mixture_f64);
    bind_whitened(module, kernels.mixture_f64);
    bind_moments(module, kernels.mixture_f64);
}

}  // namespace cofactor
