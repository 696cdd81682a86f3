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
                   const Array1<std::uint8_t>& space, const Array1<std::int64_t>& board) {
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
            kernels.lloyd({matrix(X), shift.data(), weights.data(), labels.data()},
                          {k, means.data(), sums.data(), counts.data(), sizes.data(), on_sphere},
                          {tolerance, until, matrix(trace), reinterpret_cast<char*>(space.data()), board.data()});
        },
        named("X"), named("shift"), named("weights"), named("labels"), named("means"),
        named("sums"), named("counts"), named("sizes"), nb::arg("on_sphere"),
        nb::arg("tolerance"), nb::arg("until"), named("trace"), named("space"), named("board"), Unlocked());
}

}  // namespace

void bind_lloyd(nb::module_& module, const Kernels& kernels) {
    bind_lloyd_of(module, kernels.dense_f32);
    bind_lloyd_of(module, kernels.dense_f64);
}

}  // namespace cofactor
