// Bindings of the kernels of moves of single rows.
#include "bindings.hpp"

namespace cofactor {
namespace {

using Numbers = Array1<const std::int64_t>;
using Doubles = Array1<const double>;

HartiganRows rows_of(size_t n, const Numbers& numbers, const Doubles& half_norms,
                     const Doubles& weights, const Array1<const Label>& labels,
                     const Array1<const Label>& places) {
    expect("half_norms", half_norms, {n});
    expect("weights", weights, {n});
    expect("labels", labels, {n});
    return {numbers.data(), numbers.shape(0), half_norms.data(),
            weights.data(), labels.data(),    places.data()};
}

Proposals proposals_of(const Numbers& rows, const Array1<const Label>& targets) {
    expect("targets", targets, {rows.shape(0)});
    return {rows.data(), targets.data(), rows.shape(0)};
}

Clustering clustering_of(size_t n, size_t k, const Doubles& weights, const Array1<Label>& labels,
                         const Array1<double>& counts) {
    expect("weights", weights, {n});
    expect("labels", labels, {n});
    expect("counts", counts, {k});
    return {weights.data(), labels.data(), counts.data()};
}

HartiganBounds bounds_of(size_t n, const Array1<double>& upper, const Array1<double>& lower) {
    expect("upper", upper, {n});
    expect("lower", lower, {n});
    return {upper.data(), lower.data()};
}

// The places that numbers of open rows are written to.
std::int64_t* room(size_t n, size_t begin, size_t end, const Array1<std::int64_t>& rows) {
    if (begin > end || end > n) throw nb::value_error("begin and end are no slice of the rows");
    expect("rows", rows, {end - begin});
    return rows.data();
}

void expect_costs(size_t n, const Array1<Label>& index, const Array1<double>& cost) {
    expect("index", index, {n});
    expect("cost", cost, {n});
}

template <class T>
void bind_dense(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "hartigan_targets",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift, const Numbers& numbers,
                   const Doubles& half_norms, const Doubles& weights,
                   const Array1<const Label>& labels, const Array1<const Label>& places,
                   const Array2<const T>& components, const Array1<const T>& component_half_norms,
                   const Array1<const T>& shares, const Array1<Label>& index,
                   const Array1<double>& cost) {
            const size_t k = components.shape(0);
            expect("shift", shift, {X.shape(1)});
            expect("components", components, {k, X.shape(1)});
            expect("component_half_norms", component_half_norms, {k});
            expect("shares", shares, {k});
            expect_costs(numbers.shape(0), index, cost);
            kernels.hartigan_targets(
                matrix(X), shift.data(),
                rows_of(X.shape(0), numbers, half_norms, weights, labels, places),
                {matrix(components), component_half_norms.data(), shares.data()}, index.data(),
                cost.data());
        },
        named("X"), named("shift"), named("numbers"), named("half_norms"), named("weights"),
        named("labels"), named("places"), named("components"), named("component_half_norms"),
        named("shares"), named("index"), named("cost"), Unlocked());
    module.def(
        "hartigan_open",
        [&kernels](const Array2<const T>& X, const Array2<double>& means, size_t begin, size_t end,
                   const Doubles& drift, double factor, double term, double relative,
                   double absolute, double alone, const Doubles& weights,
                   const Array1<Label>& labels, const Array1<double>& counts,
                   const Array1<double>& upper, const Array1<double>& lower,
                   const Array1<std::int64_t>& rows) {
            const size_t n = X.shape(0), k = means.shape(0);
            expect("means", means, {k, X.shape(1)});
            expect("drift", drift, {k});
            return kernels.hartigan_open(matrix(X), matrix(means), begin, end,
                                         {drift.data(), factor, term},
                                         {relative, absolute, alone},
                                         clustering_of(n, k, weights, labels, counts),
                                         bounds_of(n, upper, lower), room(n, begin, end, rows));
        },
        named("X"), named("means"), nb::arg("begin"), nb::arg("end"), named("drift"),
        nb::arg("factor"), nb::arg("term"), nb::arg("relative"), nb::arg("absolute"),
        nb::arg("alone"), named("weights"), named("labels"), named("counts"), named("upper"),
        named("lower"), named("rows"), Unlocked());
    module.def(
        "hartigan_moves",
        [&kernels](const Array2<const T>& X, const Numbers& rows,
                   const Array1<const Label>& targets, double relative, double absolute,
                   double alone, const Doubles& weights, const Array1<Label>& labels,
                   const Array1<double>& counts, const Array2<double>& means) {
            const size_t k = means.shape(0);
            expect("means", means, {k, X.shape(1)});
            return kernels.hartigan_moves(
                matrix(X), proposals_of(rows, targets), {relative, absolute, alone},
                clustering_of(X.shape(0), k, weights, labels, counts), matrix(means));
        },
        named("X"), named("rows"), named("targets"), nb::arg("relative"), nb::arg("absolute"),
        nb::arg("alone"), named("weights"), named("labels"), named("counts"), named("means"),
        Unlocked());
}

template <class T, class I>
void bind_sparse(nb::module_& module, const SparseKernels<T, I>& kernels) {
    module.def(
        "hartigan_targets_csr",
        [&kernels](const Array1<const I>& indptr, const Array1<const I>& indices,
                   const Array1<const T>& data, const Numbers& numbers, const Doubles& half_norms,
                   const Doubles& weights, const Array1<const Label>& labels,
                   const Array1<const Label>& places, const Array2<const T>& components_t,
                   const Array1<const T>& component_half_norms, const Array1<const T>& shares,
                   const Array1<Label>& index, const Array1<double>& cost) {
            const Csr<T, I> X = csr<T, I>(indptr, indices, data);
            const size_t k = components_t.shape(1);
            expect_whole_groups(k);
            expect("component_half_norms", component_half_norms, {k});
            expect("shares", shares, {k});
            expect_costs(numbers.shape(0), index, cost);
            kernels.hartigan_targets(
                X, rows_of(X.rows, numbers, half_norms, weights, labels, places),
                {matrix(components_t), component_half_norms.data(), shares.data()}, index.data(),
                cost.data());
        },
        named("indptr"), named("indices"), named("data"), named("numbers"), named("half_norms"),
        named("weights"), named("labels"), named("places"), named("components_t"),
        named("component_half_norms"), named("shares"), named("index"), named("cost"),
        Unlocked());
    module.def(
        "hartigan_open_csr",
        [&kernels](const Array1<const I>& indptr, const Array1<const I>& indices,
                   const Array1<const T>& data, const Doubles& half_norms,
                   const Array2<double>& means, size_t begin, size_t end, const Doubles& drift,
                   double factor, double term, double relative, double absolute, double alone,
                   const Doubles& weights, const Array1<Label>& labels,
                   const Array1<double>& counts, const Array1<double>& upper,
                   const Array1<double>& lower, const Array1<std::int64_t>& rows) {
            const Csr<T, I> X = csr<T, I>(indptr, indices, data);
            const size_t k = means.shape(0);
            expect("half_norms", half_norms, {X.rows});
            expect("drift", drift, {k});
            return kernels.hartigan_open(
                X, half_norms.data(), matrix(means), begin, end, {drift.data(), factor, term},
                {relative, absolute, alone}, clustering_of(X.rows, k, weights, labels, counts),
                bounds_of(X.rows, upper, lower), room(X.rows, begin, end, rows));
        },
        named("indptr"), named("indices"), named("data"), named("half_norms"), named("means"),
        nb::arg("begin"), nb::arg("end"), named("drift"), nb::arg("factor"), nb::arg("term"),
        nb::arg("relative"), nb::arg("absolute"), nb::arg("alone"), named("weights"),
        named("labels"), named("counts"), named("upper"), named("lower"), named("rows"),
        Unlocked());
    module.def(
        "hartigan_moves_csr",
        [&kernels](const Array1<const I>& indptr, const Array1<const I>& indices,
                   const Array1<const T>& data, const Doubles& half_norms, const Numbers& rows,
                   const Array1<const Label>& targets, double relative, double absolute,
                   double alone, const Doubles& weights, const Array1<Label>& labels,
                   const Array1<double>& counts, const Array2<double>& means) {
            const Csr<T, I> X = csr<T, I>(indptr, indices, data);
            expect("half_norms", half_norms, {X.rows});
            return kernels.hartigan_moves(
                X, half_norms.data(), proposals_of(rows, targets), {relative, absolute, alone},
                clustering_of(X.rows, means.shape(0), weights, labels, counts), matrix(means));
        },
        named("indptr"), named("indices"), named("data"), named("half_norms"), named("rows"),
        named("targets"), nb::arg("relative"), nb::arg("absolute"), nb::arg("alone"),
        named("weights"), named("labels"), named("counts"), named("means"), Unlocked());
}

}  // namespace

void bind_hartigan(nb::module_& module, const Kernels& kernels) {
    bind_dense(module, kernels.dense_f32);
    bind_dense(module, kernels.dense_f64);
    bind_sparse(module, kernels.sparse_f32_i32);
    bind_sparse(module, kernels.sparse_f32_i64);
    bind_sparse(module, kernels.sparse_f64_i32);
    bind_sparse(module, kernels.sparse_f64_i64);
}

}  // namespace cofactor
