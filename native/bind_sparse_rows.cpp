// Bindings of kernels of sparse rows.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T, class I>
void bind_top_losses_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "top_losses_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const T>& components_t, Values offsets,
                   const Array2<Label>& index, const Array2<double>& loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const size_t k = components_t.shape(1);
            expect("offsets", offsets, {k});
            expect_whole_groups(k);
            kernels.top_losses(X, matrix(components_t), offsets.data(),
                               places(X.rows, k, index, loss), loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("components_t"),
        named("offsets"), named("index"), named("loss"), Unlocked());
}

template <class T, class I>
void bind_running_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    using Doubles = const Array1<const double>&;
    module.def(
        "nearest_sum_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const double>& sums_t, Doubles factors, Doubles offsets,
                   const Array1<Label>& labels, const Array1<double>& loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const size_t k = sums_t.shape(1);
            expect("factors", factors, {k});
            expect("offsets", offsets, {k});
            expect("labels", labels, {X.rows});
            expect("loss", loss, {X.rows});
            expect_whole_groups(k);
            kernels.nearest_sum(X, matrix(sums_t), factors.data(), offsets.data(), labels.data(),
                                loss.data());
        },
        named("indptr"), named("indices"), named("data"), named("sums_t"), named("factors"),
        named("offsets"), named("labels"), named("loss"), Unlocked());
    module.def(
        "add_to_sums_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array1<const Label>& labels, Doubles weights,
                   const Array1<double>& counts, const Array2<double>& sums_t,
                   const Array1<double>& squares) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect("labels", labels, {X.rows});
            expect("weights", weights, {X.rows});
            expect("squares", squares, {counts.shape(0)});
            kernels.add_to_sums(X, labels.data(), weights.data(), counts.data(), matrix(sums_t),
                                squares.data());
        },
        named("indptr"), named("indices"), named("data"), named("labels"), named("weights"),
        named("counts"), named("sums_t"), named("squares"), Unlocked());
}

template <class T, class I>
void bind_statistics_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "weighted_sums_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array1<double>& counts, const Array2<double>& sums) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect("sums", sums, {counts.shape(0), sums.shape(1)});
            kernels.weighted_sums(X, membership(X.rows, index, weight), counts.data(),
                                  matrix(sums));
        },
        named("indptr"), named("indices"), named("data"), named("index"), named("weight"),
        named("counts"), named("sums"), Unlocked());
    module.def(
        "weighted_squares_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array2<double>& squares) {
            const Csr<T, I> X = csr(indptr, indices, data);
            kernels.weighted_squares(X, membership(X.rows, index, weight), matrix(squares));
        },
        named("indptr"), named("indices"), named("data"), named("index"), named("weight"),
        named("squares"), Unlocked());
}

template <class T, class I>
void bind_products_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "squared_norms_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data, const Array1<double>& out) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect("out", out, {X.rows});
            kernels.squared_norms(X, out.data());
        },
        named("indptr"), named("indices"), named("data"), named("out"), Unlocked());
    module.def(
        "products_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array2<const T>& columns, const Array2<double>& out) {
            const Csr<T, I> X = csr(indptr, indices, data);
            expect_whole_groups(columns.shape(1));
            if (columns.shape(1) < out.shape(1))
                throw nb::value_error("columns are fewer than those of out");
            expect("out", out, {X.rows, out.shape(1)});
            kernels.products(X, matrix(columns), matrix(out));
        },
        named("indptr"), named("indices"), named("data"), named("columns"), named("out"),
        Unlocked());
    module.def(
        "sampled_products",
        [&kernels](Pointers indptr, Pointers indices, const Array2<const T>& codes,
                   const Array2<const T>& components_t, const Array1<double>& out) {
            const Csr<T, I> positions = csr<T, I>(indptr, indices, nullptr);
            expect("codes", codes, {positions.rows, components_t.shape(1)});
            expect("out", out, {indices.shape(0)});
            kernels.sampled_products(positions, codes.data(), matrix(components_t), out.data());
        },
        named("indptr"), named("indices"), named("codes"), named("components_t"), named("out"),
        Unlocked());
}

template <class T, class I>
void bind_lloyd_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    module.def(
        "lloyd_csr_space",
        [&kernels](Pointers indptr, Pointers indices, Values, size_t d, size_t k) {
            return kernels.lloyd_space(indptr.shape(0) - 1, indices.shape(0), d, k);
        },
        named("indptr"), named("indices"), named("data"), nb::arg("d"), nb::arg("k"));
    module.def(
        "lloyd_csr",
        [&kernels](Pointers indptr, Pointers indices, Values data,
                   const Array1<const double>& weights, const Array1<Label>& labels,
                   const Array2<double>& means_t, const Array2<double>& sums_t,
                   const Array1<double>& counts, const Array1<std::int64_t>& sizes,
                   bool on_sphere, double tolerance, size_t until, const Array2<double>& trace,
                   const Array1<std::uint8_t>& space, const Board& board) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const size_t k = counts.shape(0), d = means_t.shape(0), padded = (k + 15) / 16 * 16;
            expect("weights", weights, {X.rows});
            expect("labels", labels, {X.rows});
            expect("means_t", means_t, {d, padded});
            expect("sums_t", sums_t, {d, padded});
            expect("sizes", sizes, {k});
            expect("trace", trace, {trace.shape(0), trace_columns});
            expect("space", space, {kernels.lloyd_space(X.rows, indices.shape(0), d, k)});
            expect("board", board, {board_size});
            if (until > trace.shape(0))
                throw nb::value_error("trace has fewer rows than there may be iterations");
            with_helpers(board, [&] {
                kernels.lloyd(
                    X, d, weights.data(), labels.data(),
                    {k, means_t.data(), sums_t.data(), counts.data(), sizes.data(), on_sphere},
                    {tolerance, until, matrix(trace), reinterpret_cast<char*>(space.data()),
                     board.data()});
            });
        },
        named("indptr"), named("indices"), named("data"), named("weights"), named("labels"),
        named("means_t"), named("sums_t"), named("counts"), named("sizes"), nb::arg("on_sphere"),
        nb::arg("tolerance"), nb::arg("until"), named("trace"), named("space"), named("board"), Unlocked());
}

// Every kernel of sparse rows, for one type of values and one of indices.
template <class T, class I>
void bind_csr(nb::module_& module, const SparseKernels<T, I>& kernels) {
    bind_top_losses_csr(module, kernels);
    bind_running_csr(module, kernels);
    bind_statistics_csr(module, kernels);
    bind_products_csr(module, kernels);
    bind_lloyd_csr(module, kernels);
}

}  // namespace

void bind_sparse_rows(nb::module_& module, const Kernels& kernels) {
    bind_csr(module, kernels.sparse_f32_i32);
    bind_csr(module, kernels.sparse_f32_i64);
    bind_csr(module, kernels.sparse_f64_i32);
    bind_csr(module, kernels.sparse_f64_i64);
}

}  // namespace cofactor
