// Bindings of whole local searches.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T>
void bind_descent_of(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "descent_space",
        [&kernels](const Array2<const T>& X, size_t k, size_t most) {
            return kernels.descent_space(X.shape(0), X.shape(1), k, most);
        },
        named("X"), nb::arg("k"), nb::arg("most"));
    module.def(
        "descend",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<const double>& weights, const Array1<const double>& half_norms,
                   const Array2<double>& means, const Array1<double>& counts,
                   const Array1<Label>& labels, size_t few, size_t most, double slack,
                   const Array1<std::uint8_t>& space) {
            const size_t n = X.shape(0), d = X.shape(1), k = means.shape(0);
            expect("shift", shift, {d});
            expect("weights", weights, {n});
            expect("half_norms", half_norms, {n});
            expect("means", means, {k, d});
            expect("counts", counts, {k});
            expect("labels", labels, {n});
            expect("space", space, {kernels.descent_space(n, d, k, most)});
            if (most < 1) throw nb::value_error("most is 0, expected at least one iteration");
            return kernels.descend(
                {matrix(X), shift.data(), weights.data(), half_norms.data()},
                {k, means.data(), counts.data(), labels.data()},
                {few, most, slack, reinterpret_cast<char*>(space.data())});
        },
        named("X"), named("shift"), named("weights"), named("half_norms"), named("means"),
        named("counts"), named("labels"), nb::arg("few"), nb::arg("most"), nb::arg("slack"),
        named("space"), Unlocked());
}

}  // namespace

void bind_descent(nb::module_& module, const Kernels& kernels) {
    bind_descent_of(module, kernels.dense_f32);
    bind_descent_of(module, kernels.dense_f64);
}

}  // namespace cofactor
