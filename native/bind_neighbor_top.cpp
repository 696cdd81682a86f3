// Bindings of searches for the few likeliest components among neighbours.
#include "bindings.hpp"

namespace cofactor {
namespace {

using Numbers = Array1<const std::int64_t>;
using Labels1 = Array1<const Label>;
using Labels2 = Array2<const Label>;
using Index = Array2<Label>;
using Losses = Array2<double>;

// The arrays that are the same for every measure and storage.
struct Task {
    const Board& board;
    const Numbers& order;
    const Numbers& starts;
    const Labels2& kept;
    const Labels1& members;
    const Labels1& places;
    const Numbers& edges;
    const Labels2& lists;
    const Index& index;
    const Losses& loss;
    const Board& evaluations;

    void check(size_t n) const {
        const size_t k = members.shape(0), units = starts.shape(0) - 1;
        expect("board", board, {board_size});
        expect("kept", kept, {n, kept.shape(1)});
        expect("places", places, {k});
        expect("lists", lists, {units, lists.shape(1)});
        expect("evaluations", evaluations, {1});
        if (static_cast<size_t>(starts.data()[units]) > order.shape(0))
            throw nb::value_error("order has fewer rows than the units together");
        cofactor::places(n, k, index, loss);
    }

    NeighborUnits units() const { return {order.data(), starts.data(), matrix(kept)}; }
    NeighborGroups groups() const { return {edges.data(), edges.shape(0) - 1, matrix(lists)}; }
    NeighborTop top() const { return {matrix(index), loss.data(), evaluations.data()}; }
};

// `width(d)` numbers describe a component of d columns.
template <class T, class P, class Kernel, class Width>
void bind_dense(nb::module_& module, const char* name, const Kernel& kernel, Width width) {
    module.def(
        name,
        [&kernel, width](const Board& board, const Array2<const T>& X, const Array1<const P>& shift,
                         const Numbers& order, const Numbers& starts, const Labels2& kept,
                         const Labels1& members, const Labels1& places,
                         const Array2<const P>& vectors, const Array1<const P>& offsets,
                         const Numbers& edges, const Labels2& lists, const Index& index,
                         const Losses& loss, const Board& evaluations) {
            const Task task{board,  order, starts, kept,  members,    places,
                            edges, lists, index,  loss, evaluations};
            task.check(X.shape(0));
            expect("shift", shift, {X.shape(1)});
            expect("vectors", vectors, {members.shape(0), width(X.shape(1))});
            expect("offsets", offsets, {members.shape(0)});
            with_helpers(board, [&] {
                kernel(board.data(), matrix(X), shift.data(), task.units(),
                       {members.data(), places.data(), matrix(vectors), offsets.data()},
                       task.groups(), task.top());
            });
        },
        named("board"), named("X"), named("shift"), named("order"), named("starts"),
        named("kept"), named("members"), named("places"), named("vectors"), named("offsets"),
        named("edges"), named("lists"), named("index"), named("loss"), named("evaluations"),
        Unlocked());
}

template <class T, class I, class Kernel>
void bind_csr(nb::module_& module, const Kernel& kernel) {
    module.def(
        "neighbor_top_csr",
        [&kernel](const Board& board, const Array1<const I>& indptr, const Array1<const I>& indices,
                  const Array1<const T>& data, const Numbers& order, const Numbers& starts,
                  const Labels2& kept, const Labels1& members, const Labels1& places,
                  const Array2<const T>& components_t, const Array1<const T>& offsets,
                  const Numbers& edges, const Labels2& lists, const Index& index,
                  const Losses& loss, const Board& evaluations) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const Task task{board,  order, starts, kept,  members,    places,
                            edges, lists, index,  loss, evaluations};
            task.check(X.rows);
            const size_t width = components_t.shape(1), k = members.shape(0);
            expect_whole_groups(width);
            expect("offsets", offsets, {width});
            if (width < k) throw nb::value_error("components_t has fewer columns than places");
            with_helpers(board, [&] {
                kernel(board.data(), X, task.units(),
                       {members.data(), places.data(), k, matrix(components_t), offsets.data()},
                       task.groups(), task.top());
            });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("order"),
        named("starts"), named("kept"), named("members"), named("places"), named("components_t"),
        named("offsets"), named("edges"), named("lists"), named("index"), named("loss"),
        named("evaluations"), Unlocked());
}

template <class T>
void bind_grams(nb::module_& module, const TopKernels<T>& kernels) {
    module.def(
        "weighted_grams",
        [&kernels](const Array2<const T>& X, const Array1<const double>& shift,
                   const Labels2& index, const Array2<const double>& weight,
                   const Array3<double>& grams) {
            const size_t d = X.shape(1);
            expect("shift", shift, {d});
            expect("grams", grams, {grams.shape(0), d, d});
            kernels.grams(matrix(X), shift.data(), membership(X.shape(0), index, weight),
                          grams.data());
        },
        named("X"), named("shift"), named("index"), named("weight"), named("grams"), Unlocked());
}

template <class T>
void bind_top(nb::module_& module, const TopKernels<T>& kernels) {
    bind_dense<T, T>(module, "neighbor_top", kernels.affine, [](size_t d) { return d; });
    bind_dense<T, double>(module, "neighbor_top_scaled", kernels.scaled,
                          [](size_t d) { return 2 * d; });
    bind_dense<T, double>(module, "neighbor_top_whitened", kernels.whitened,
                          [](size_t d) { return d + d * (d + 1) / 2; });
    bind_grams(module, kernels);
    bind_csr<T, std::int32_t>(module, kernels.csr_i32);
    bind_csr<T, std::int64_t>(module, kernels.csr_i64);
}

}  // namespace

void bind_neighbor_top(nb::module_& module, const Kernels& kernels) {
    bind_top(module, kernels.top_f32);
    bind_top(module, kernels.top_f64);
}

}  // namespace cofactor
