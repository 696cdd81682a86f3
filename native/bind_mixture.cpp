// Bindings of kernels of mixtures.
#include "bindings.hpp"

namespace cofactor {
namespace {

// How each model of losses comes from Python: three arrays with d columns.
AffineModel model_of(size_t d, const Array2<const double>& slopes,
                     const Array1<const double>& offsets) {
    expect("slopes", slopes, {slopes.shape(0), d});
    expect("offsets", offsets, {slopes.shape(0)});
    return {matrix(slopes), offsets.data()};
}

ScaledModel model_of(size_t d, const Array2<const double>& scales,
                     const Array2<const double>& centers, const Array1<const double>& offsets) {
    const size_t k = centers.shape(0), columns = scales.shape(1);
    expect("scales", scales, {k, columns == 1 ? 1 : d});
    expect("centers", centers, {k, d});
    expect("offsets", offsets, {k});
    return {matrix(scales), matrix(centers), offsets.data()};
}

WhitenedModel model_of(size_t d, const Array3<const double>& factors,
                       const Array2<const double>& centers, const Array1<const double>& offsets) {
    const size_t k = centers.shape(0), n_factors = factors.shape(0);
    expect("factors", factors, {n_factors == 1 ? 1 : k, d, d});
    expect("centers", centers, {k, d});
    expect("offsets", offsets, {k});
    return {factors.data(), n_factors, matrix(centers), offsets.data()};
}

Posterior posterior_of(size_t rows, size_t k, const Array1<const double>& weights,
                       const Array1<double>& log_norm, const Array1<Label>& best) {
    if (k == 0) throw nb::value_error("offsets is empty, expected at least one component");
    expect("weights", weights, {rows});
    expect("log_norm", log_norm, {rows});
    expect("best", best, {rows});
    return {weights.data(), log_norm.data(), best.data(), rows};
}

Moments moments_of(size_t d, size_t k, const Array1<double>& counts, const Array2<double>& sums,
                   const Array2<double>& second) {
    const size_t size = second.shape(1);
    if (size != 0 && size != 1 && size != d) expect("second", second, {k, d * d});
    expect("counts", counts, {k});
    expect("sums", sums, {k, d});
    expect("second", second, {k, size});
    return {counts.data(), matrix(sums), second.data(), size};
}

// Bind the kernels of one model under names that begin with its own; Arrays are what it comes in.
template <class T, class Model, class... Arrays, class... Names>
void bind_losses(nb::module_& module, const std::string& name,
                 const LossKernels<T, Model>& kernels, Names... names) {
    module.def(
        (name + "_posterior").c_str(),
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Arrays&... model, const Array1<const double>& offsets,
                   const Array1<const double>& weights, const Array2<double>& probability,
                   const Array1<double>& log_norm, const Array1<Label>& best) {
            const size_t rows = X.shape(0), k = offsets.shape(0);
            expect("shift", shift, {X.shape(1)});
            expect("probability", probability, {k, rows});
            kernels.posterior(matrix(X), shift.data(), model_of(X.shape(1), model..., offsets),
                              posterior_of(rows, k, weights, log_norm, best),
                              matrix(probability));
        },
        named("X"), named("shift"), names..., named("offsets"), named("weights"),
        named("probability"), named("log_norm"), named("best"), Unlocked());
    module.def(
        (name + "_moments").c_str(),
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Arrays&... model, const Array1<const double>& offsets,
                   const Array1<const double>& weights, const Array1<double>& counts,
                   const Array2<double>& sums, const Array2<double>& second,
                   const Array1<double>& log_norm, const Array1<Label>& best) {
            const size_t rows = X.shape(0), k = offsets.shape(0);
            expect("shift", shift, {X.shape(1)});
            kernels.moments(matrix(X), shift.data(), model_of(X.shape(1), model..., offsets),
                            posterior_of(rows, k, weights, log_norm, best),
                            moments_of(X.shape(1), k, counts, sums, second));
        },
        named("X"), named("shift"), names..., named("offsets"), named("weights"),
        named("counts"), named("sums"), named("second"), named("log_norm"), named("best"),
        Unlocked());
}

template <class T, class Model, class... Arrays, class... Names>
void bind_top(nb::module_& module, const char* name, TopKernel<T, Model> kernel, Names... names) {
    module.def(
        name,
        [kernel](const Array2<const T>& X, const Array1<const double>& shift,
                 const Arrays&... model, const Array1<const double>& offsets,
                 const Array2<Label>& index, const Array2<double>& loss) {
            expect("shift", shift, {X.shape(1)});
            kernel(matrix(X), shift.data(), model_of(X.shape(1), model..., offsets),
                   places(X.shape(0), offsets.shape(0), index, loss), loss.data());
        },
        named("X"), named("shift"), names..., named("offsets"), named("index"), named("loss"),
        Unlocked());
}

template <class T>
void bind_precision(nb::module_& module, const MixtureKernels<T>& kernels) {
    using Matrices = Array3<const double>;
    using Vectors = Array2<const double>;
    bind_losses<T, AffineModel, Vectors>(module, "affine", kernels.affine, named("slopes"));
    bind_losses<T, ScaledModel, Vectors, Vectors>(module, "scaled", kernels.scaled,
                                                  named("scales"), named("centers"));
    bind_losses<T, WhitenedModel, Matrices, Vectors>(module, "whitened", kernels.whitened,
                                                     named("factors"), named("centers"));
    bind_top<T, ScaledModel, Vectors, Vectors>(module, "scaled_top", kernels.scaled_top,
                                               named("scales"), named("centers"));
    bind_top<T, WhitenedModel, Matrices, Vectors>(module, "whitened_top", kernels.whitened_top,
                                                  named("factors"), named("centers"));
    module.def(
        "component_moments",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Array2<const double>& weight, const Array1<double>& counts,
                   const Array2<double>& sums, const Array2<double>& second) {
            const size_t k = weight.shape(0);
            expect("shift", shift, {X.shape(1)});
            expect("weight", weight, {k, X.shape(0)});
            kernels.component_moments(matrix(X), shift.data(), matrix(weight),
                                      moments_of(X.shape(1), k, counts, sums, second));
        },
        named("X"), named("shift"), named("weight"), named("counts"), named("sums"),
        named("second"), Unlocked());
}

}  // namespace

void bind_mixture(nb::module_& module, const Kernels& kernels) {
    bind_precision(module, kernels.mixture_f32);
    bind_precision(module, kernels.mixture_f64);
}

}  // namespace cofactor
