// Bindings of the kernels of Poisson codes.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T, class I>
void bind_codes(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    using Components = const Array2<const T>&;
    using Totals = const Array1<const double>&;
    using Codes = const Array2<T>&;
    using Loss = const Array1<double>&;
    const auto expect_shapes = [](size_t rows, Components components_t, Totals totals,
                                  Codes codes, Loss loss) {
        expect("totals", totals, {components_t.shape(1)});
        expect("codes", codes, {rows, components_t.shape(1)});
        expect("loss", loss, {rows});
    };
    module.def(
        "poisson_codes_csr",
        [&kernels, expect_shapes](Pointers indptr, Pointers indices, Values data,
                                  Components components_t, Totals totals, Codes codes,
                                  size_t sweeps, double l1, double l2, double floor, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect_shapes(X.rows, components_t, totals, codes, loss);
            kernels.poisson_codes(X, {matrix(components_t), totals.data(), l1, l2, floor},
                                  codes.data(), sweeps, loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("totals"), named("codes"), nb::arg("sweeps"), nb::arg("l1"), nb::arg("l2"),
        nb::arg("floor"), named("loss"), Unlocked());
    module.def(
        "poisson_multiplicative_csr",
        [&kernels, expect_shapes](Pointers indptr, Pointers indices, Values data,
                                  Components components_t, Totals totals, Codes codes, double l1,
                                  double l2, double floor, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect_shapes(X.rows, components_t, totals, codes, loss);
            kernels.poisson_multiplicative(
                X, {matrix(components_t), totals.data(), l1, l2, floor}, codes.data(),
                loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("totals"), named("codes"), nb::arg("l1"), nb::arg("l2"), nb::arg("floor"),
        named("loss"), Unlocked());
}

}  // namespace

void bind_poisson(nb::module_& module, const Kernels& kernels) {
    bind_codes(module, kernels.sparse_f32_i32);
    bind_codes(module, kernels.sparse_f32_i64);
    bind_codes(module, kernels.sparse_f64_i32);
    bind_codes(module, kernels.sparse_f64_i64);
}

}  // namespace cofactor
