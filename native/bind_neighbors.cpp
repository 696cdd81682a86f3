// Bindings of the searches among neighbours.
#include "bindings.hpp"

namespace cofactor {
namespace {

using Places = Array1<const Label>;
using Edges = Array1<const std::int64_t>;
using Doubles = Array1<const double>;
using Floats = Array1<float>;

constexpr size_t line_floats = 16;

NeighborCenters centers_of(size_t d, const Places& members, const Places& places,
                           const Array2<float>& vectors, const Floats& half_norms,
                           const Floats& shares) {
    const size_t k = members.shape(0);
    const size_t padded = (d + line_floats - 1) / line_floats * line_floats;
    expect("places", places, {k});
    expect("vectors", vectors, {k, padded});
    expect("half_norms", half_norms, {k});
    expect("shares", shares, {k});
    return {members.data(), places.data(), matrix(vectors), half_norms.data(), shares.data()};
}

NeighborRows rows_of(size_t n, size_t k, const std::int64_t* order, const std::int64_t* starts,
                     const Doubles& weights, const Places& labels, const Doubles& counts) {
    expect("weights", weights, {n});
    expect("labels", labels, {n});
    expect("counts", counts, {k});
    return {order, starts, weights.data(), labels.data(), counts.data()};
}

NeighborFinds finds_of(size_t n, const Array1<Label>& index, const Array1<double>& gains,
                       const Array1<std::int64_t>& evaluations) {
    expect("index", index, {n});
    expect("gains", gains, {n});
    expect("evaluations", evaluations, {1});
    return {index.data(), gains.data(), evaluations.data()};
}

template <class T>
void bind_dense(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "neighbor_targets",
        [&kernels](const Board& board, const Array2<const T>& X,
                   const Array1<const T>& shift, double scale, const Edges& order,
                   const Edges& starts, const Doubles& weights, const Places& labels,
                   const Doubles& counts, const Places& members, const Places& places,
                   const Array2<float>& vectors, const Floats& half_norms, const Floats& shares,
                   const Edges& edges, const Array2<const Label>& lists,
                   const Array1<Label>& index, const Array1<double>& gains,
                   const Array1<std::int64_t>& evaluations) {
            const size_t n = X.shape(0), d = X.shape(1), k = members.shape(0);
            expect("board", board, {board_size});
            expect("shift", shift, {d});
            if (static_cast<size_t>(starts.data()[starts.shape(0) - 1]) > order.shape(0))
                throw nb::value_error("order has fewer rows than the units together");
            if (lists.shape(0) != 1) expect("lists", lists, {starts.shape(0) - 1, lists.shape(1)});
            const auto rows = rows_of(n, k, order.data(), starts.data(), weights, labels, counts);
            const auto centers = centers_of(d, members, places, vectors, half_norms, shares);
            const auto finds = finds_of(n, index, gains, evaluations);
            with_helpers(board, [&] {
                kernels.neighbor_targets(board.data(), matrix(X), shift.data(), scale, rows,
                                         centers, {edges.data(), edges.shape(0) - 1, matrix(lists)},
                                         finds);
            });
        },
        named("board"), named("X"), named("shift"), nb::arg("scale"), named("order"),
        named("starts"), named("weights"), named("labels"), named("counts"), named("members"),
        named("places"), named("vectors"), named("half_norms"), named("shares"), named("edges"),
        named("lists"), named("index"), named("gains"), named("evaluations"), Unlocked());
    module.def(
        "neighbor_kept",
        [&kernels](const Board& board, const Array2<const T>& X,
                   const Array1<const T>& shift, double scale, const Doubles& weights,
                   const Places& labels, const Doubles& counts,
                   const Places& members, const Places& places, const Array2<float>& vectors,
                   const Floats& half_norms, const Floats& shares,
                   const Array2<const Label>& kept, const Array1<Label>& index,
                   const Array1<double>& gains) {
            const size_t n = X.shape(0), d = X.shape(1), k = members.shape(0);
            expect("board", board, {board_size});
            expect("shift", shift, {d});
            expect("kept", kept, {n, kept.shape(1)});
            expect("index", index, {n});
            expect("gains", gains, {n});
            const auto rows = rows_of(n, k, nullptr, nullptr, weights, labels, counts);
            const auto centers = centers_of(d, members, places, vectors, half_norms, shares);
            with_helpers(board, [&] {
                kernels.neighbor_kept(board.data(), matrix(X), shift.data(), scale, rows, centers,
                                      matrix(kept), {index.data(), gains.data(), nullptr});
            });
        },
        named("board"), named("X"), named("shift"), nb::arg("scale"), named("weights"), named("labels"), named("counts"), named("members"), named("places"),
        named("vectors"), named("half_norms"), named("shares"), named("kept"), named("index"),
        named("gains"), Unlocked());
}

}  // namespace

void bind_neighbors(nb::module_& module, const Kernels& kernels) {
    bind_dense(module, kernels.dense_f32);
    bind_dense(module, kernels.dense_f64);
    module.def(
        "neighbor_centers",
        [&kernels](const Board& board, const Array2<const double>& means,
                   const Doubles& counts, const Doubles& shift, double scale, double most_share,
                   const Places& members, const Places& places, const Array2<float>& vectors,
                   const Floats& half_norms, const Floats& shares) {
            const size_t k = means.shape(0), d = means.shape(1);
            expect("board", board, {board_size});
            expect("counts", counts, {k});
            expect("shift", shift, {d});
            expect("members", members, {k});
            const auto centers = centers_of(d, members, places, vectors, half_norms, shares);
            with_helpers(board, [&] {
                kernels.neighbor_centers(board.data(), matrix(means), counts.data(), shift.data(),
                                         scale, most_share, centers);
            });
        },
        named("board"), named("means"), named("counts"), named("shift"), nb::arg("scale"),
        nb::arg("most_share"), named("members"), named("places"), named("vectors"),
        named("half_norms"), named("shares"), Unlocked());
    module.def(
        "neighbor_order",
        [&kernels](const Places& labels, const Places& places, const Array1<std::int64_t>& starts,
                   const Array1<std::int64_t>& order) {
            const size_t n = labels.shape(0), k = places.shape(0);
            expect("starts", starts, {k + 1});
            expect("order", order, {n});
            kernels.neighbor_order(labels.data(), places.data(), n, k, starts.data(),
                                   order.data());
        },
        named("labels"), named("places"), named("starts"), named("order"), Unlocked());
    module.def(
        "neighbor_lists",
        [&kernels](const Board& board, const Array2<const float>& points,
                   const Edges& starts, const Edges& edges, const Array2<const Label>& order,
                   size_t enough, const Places& members, const Places& places,
                   const Array2<float>& vectors, const Floats& half_norms, const Floats& shares,
                   const Array2<Label>& lists, const Array1<std::int64_t>& evaluations) {
            const size_t units = order.shape(0);
            expect("board", board, {board_size});
            expect("starts", starts, {units + 1});
            expect("edges", edges, {order.shape(1) + 1});
            expect("lists", lists, {points.shape(0), lists.shape(1)});
            expect("evaluations", evaluations, {1});
            const auto centers =
                centers_of(points.shape(1), members, places, vectors, half_norms, shares);
            with_helpers(board, [&] {
                kernels.neighbor_lists(board.data(), matrix(points),
                                       {starts.data(), edges.data(), matrix(order), enough}, centers,
                                       matrix(lists), evaluations.data());
            });
        },
        named("board"), named("points"), named("starts"), named("edges"), named("order"),
        nb::arg("enough"), named("members"), named("places"), named("vectors"),
        named("half_norms"), named("shares"), named("lists"),
        named("evaluations"), Unlocked());
}

}  // namespace cofactor
