// Bindings of the kernels of greedy k-means++.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T>
SeedingRows<T> seeding_rows(const Array2<const T>& X, const Array2<const double>& weights,
                            const Array2<double>& closest, const Array2<std::int32_t>& limits) {
    const size_t panels = (X.shape(0) + 63) / 64;
    expect("weights", weights, {panels, 64});
    expect("closest", closest, {panels, 64});
    expect("limits", limits, {panels, 64});
    return {matrix(X), weights.data(), closest.data(), limits.data()};
}

template <class T>
void bind_steps(nb::module_& module, const DenseKernels<T>& kernels) {
    using Words = const Array2<std::uint64_t>&;
    module.def(
        "seeding_gains",
        [&kernels](const Array2<const T>& X, const Array2<const double>& weights,
                   const Array2<double>& closest, const Array2<std::int32_t>& limits,
                   const Array2<const std::int32_t>& heads, const Array2<const T>& candidates,
                   const Array2<const std::int32_t>& candidate_heads,
                   const Array1<const std::int32_t>& offsets, size_t chunk, Words hits, const Array2<double>& gains) {
            const SeedingRows<T> rows = seeding_rows(X, weights, closest, limits);
            const size_t panels = weights.shape(0), trials = offsets.shape(0);
            expect("heads", heads, {panels, 64 * candidate_heads.shape(1)});
            expect("candidates", candidates, {trials, X.shape(1)});
            expect("candidate_heads", candidate_heads, {trials, candidate_heads.shape(1)});
            expect("hits", hits, {panels, trials});
            if (chunk == 0 || trials == 0)
                throw nb::value_error("expected a chunk and candidates, got none");
            expect("gains", gains, {(panels + chunk - 1) / chunk, trials});
            kernels.seeding_gains(rows, matrix(heads),
                                  {matrix(candidates), candidate_heads.data(), offsets.data()},
                                  chunk, hits.data(), gains.data());
        },
        named("X"), named("weights"), named("closest"), named("limits"), named("heads"),
        named("candidates"), named("candidate_heads"), named("offsets"), nb::arg("chunk"),
        named("hits"), named("gains"), Unlocked());
    module.def(
        "seeding_take",
        [&kernels](const Array2<const T>& X, const Array2<const double>& weights,
                   const Array2<double>& closest, const Array2<std::int32_t>& limits,
                   const Array1<const T>& center, const Array2<const std::uint64_t>& hits,
                   size_t winner, const Array2<const std::int32_t>& half_norms, double reach,
                   double slack, const Array1<double>& potentials) {
            const SeedingRows<T> rows = seeding_rows(X, weights, closest, limits);
            const size_t panels = weights.shape(0);
            expect("center", center, {X.shape(1)});
            expect("hits", hits, {panels, hits.shape(1)});
            expect("half_norms", half_norms, {panels, 64});
            expect("potentials", potentials, {panels});
            if (winner >= hits.shape(1)) throw nb::value_error("there is no such winner");
            kernels.seeding_take(rows, center.data(), matrix(hits), winner,
                                 {half_norms.data(), reach, slack}, potentials.data());
        },
        named("X"), named("weights"), named("closest"), named("limits"), named("center"),
        named("hits"), nb::arg("winner"), named("half_norms"), nb::arg("reach"),
        nb::arg("slack"), named("potentials"), Unlocked());
}

}  // namespace

void bind_seeding(nb::module_& module, const Kernels& kernels) {
    bind_steps(module, kernels.dense_f32);
    bind_steps(module, kernels.dense_f64);
}

}  // namespace cofactor
