// Bindings of Lloyd's iterations.
#include "bindings.hpp"

namespace cofactor {
namespace {


template <class T>
void bind_lloyd_of(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "lloyd_space",
        [&kernels](const Array2<const T>& X, size_t k) {
            return kernels.lloyd_space(X.shape(0), X.shape(1), k);
        },
        named("X"), nb::arg("k"));
    module.def(
        "lloyd",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<const double>& weights, const Array1<Label>& labels,
                   const Array2<double>& means, const Array2<double>& sums,
                   const Array1<double>& counts, const Array1<std::int64_t>& sizes,
                   bool on_sphere, double tolerance, size_t until, const Array2<double>& trace,
                   const Array1<std::uint8_t>& space, const Board& board) {
            const size_t n = X.shape(0), d = X.shape(1), k = means.shape(0);
            expect("shift", shift, {d});
            expect("weights", weights, {n});
            expect("labels", labels, {n});
            expect("means", means, {k, d});
            expect("sums", sums, {k, d});
            expect("counts", counts, {k});
            expect("sizes", sizes, {k});
            expect("trace", trace, {trace.shape(0), trace_columns});
            expect("space", space, {kernels.lloyd_space(n, d, k)});
            expect("board", board, {board_size});
            if (until > trace.shape(0))
                throw nb::value_error("trace has fewer rows than there may be iterations");
            with_helpers(board, [&] {
                kernels.lloyd(
                    {matrix(X), shift.data(), weights.data(), labels.data()},
                    {k, means.data(), sums.data(), counts.data(), sizes.data(), on_sphere},
                    {tolerance, until, matrix(trace), reinterpret_cast<char*>(space.data()),
                     board.data()});
            });
        },
        named("X"), named("shift"), named("weights"), named("labels"), named("means"),
        named("sums"), named("counts"), named("sizes"), nb::arg("on_sphere"),
        nb::arg("tolerance"), nb::arg("until"), named("trace"), named("space"), named("board"), Unlocked());
}

template <class T>
void bind_starts_of(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "lloyd_starts_space",
        [&kernels](const Array2<const T>& X, size_t k, size_t trials) {
            return kernels.lloyd_starts_space(X.shape(0), X.shape(1), k, trials);
        },
        named("X"), nb::arg("k"), nb::arg("trials"));
    module.def(
        "lloyd_starts",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<const double>& origin, const Array1<const double>& weights,
                   const Array3<const double>& uniforms, double tolerance,
                   const Array2<Label>& chosen, const Array2<Label>& labels,
                   const Array3<double>& means, const Array3<double>& sums,
                   const Array2<double>& counts, const Array2<std::int64_t>& sizes,
                   const Array3<double>& trace, const Array1<std::int64_t>& n_done,
                   const Array1<std::uint8_t>& space) {
            const size_t n = X.shape(0), d = X.shape(1);
            const size_t count = chosen.shape(0), k = chosen.shape(1);
            const size_t trials = uniforms.shape(2), until = trace.shape(1);
            if (k == 0) throw nb::value_error("chosen has no columns, expected one for each seed");
            expect("shift", shift, {d});
            expect("origin", origin, {d});
            expect("weights", weights, {n});
            expect("uniforms", uniforms, {count, k - 1, trials});
            expect("labels", labels, {count, n});
            expect("means", means, {count, k, d});
            expect("sums", sums, {count, k, d});
            expect("counts", counts, {count, k});
            expect("sizes", sizes, {count, k});
            expect("trace", trace, {count, until, trace_columns});
            expect("n_done", n_done, {count});
            expect("space", space, {kernels.lloyd_starts_space(n, d, k, trials)});
            kernels.lloyd_starts(
                {matrix(X), shift.data(), origin.data(), weights.data()},
                {k, chosen.data(), labels.data(), means.data(), sums.data(), counts.data(),
                 sizes.data(), n_done.data()},
                {count, trials, uniforms.data(), tolerance, until, trace.data(),
                 reinterpret_cast<char*>(space.data())});
        },
        named("X"), named("shift"), named("origin"), named("weights"), named("uniforms"),
        nb::arg("tolerance"), named("chosen"), named("labels"), named("means"), named("sums"),
        named("counts"), named("sizes"), named("trace"), named("n_done"), named("space"),
        Unlocked());
}

}  // namespace

void bind_lloyd(nb::module_& module, const Kernels& kernels) {
    bind_lloyd_of(module, kernels.dense_f32);
    bind_lloyd_of(module, kernels.dense_f64);
    bind_starts_of(module, kernels.dense_f32);
    bind_starts_of(module, kernels.dense_f64);
}

}  // namespace cofactor
