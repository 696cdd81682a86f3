// Bindings of kernels of dense rows.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T>
void bind_top_losses(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "top_losses",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const T>& components, const Array1<const T>& offsets,
                   const Array2<Label>& index, const Array2<double>& loss) {
            const size_t k = components.shape(0);
            expect("shift", shift, {X.shape(1)});
            expect("components", components, {k, X.shape(1)});
            expect("offsets", offsets, {k});
            kernels.top_losses(matrix(X), shift.data(), matrix(components), offsets.data(),
                               places(X.shape(0), k, index, loss), loss.data());
        },
        named("X"), named("shift"), named("components"), named("offsets"), named("index"),
        named("loss"), Unlocked());
}

template <class T>
void bind_nearest(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "nearest",
        [&kernels](const Board& board, const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const T>& components, const Array1<const T>& offsets,
                   const Array1<Label>& labels,
                   const Array1<std::int64_t>& astray) {
            expect("board", board, {board_size});
            expect("shift", shift, {X.shape(1)});
            expect("components", components, {components.shape(0), X.shape(1)});
            expect("offsets", offsets, {components.shape(0)});
            expect("labels", labels, {X.shape(0)});
            expect("astray", astray, {1});
            if (components.shape(0) == 0) throw nb::value_error("there are no components");
            with_helpers(board, [&] {
                kernels.nearest(board.data(), matrix(X), shift.data(), matrix(components),
                                offsets.data(), labels.data(), astray.data());
            });
        },
        named("board"), named("X"), named("shift"), named("components"), named("offsets"),
        named("labels"), named("astray"), Unlocked());
}

template <class T>
void bind_statistics(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "weighted_sums",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array1<double>& counts, const Array2<double>& sums) {
            expect("shift", shift, {X.shape(1)});
            expect("sums", sums, {counts.shape(0), X.shape(1)});
            kernels.weighted_sums(matrix(X), shift.data(), membership(X.shape(0), index, weight),
                                  counts.data(), sums.data());
        },
        named("X"), named("shift"), named("index"), named("weight"), named("counts"),
        named("sums"), Unlocked());
    module.def(
        "weighted_squares",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array2<const Label>& index, const Array2<const double>& weight,
                   const Array2<double>& squares) {
            expect("shift", shift, {X.shape(1)});
            expect("squares", squares, {squares.shape(0), X.shape(1)});
            kernels.weighted_squares(matrix(X), shift.data(),
                                     membership(X.shape(0), index, weight), squares.data());
        },
        named("X"), named("shift"), named("index"), named("weight"), named("squares"),
        Unlocked());
}

template <class T>
void bind_norms(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "products",
        [&kernels](const Array2<const T>& X, const Array2<const T>& columns,
                   const Array2<double>& out) {
            expect_whole_groups(columns.shape(1));
            expect("columns", columns, {X.shape(1), columns.shape(1)});
            expect("out", out, {X.shape(0), out.shape(1)});
            if (columns.shape(1) < out.shape(1))
                throw nb::value_error("columns are fewer than those of out");
            kernels.products(matrix(X), matrix(columns), matrix(out));
        },
        named("X"), named("columns"), named("out"), Unlocked());
    module.def(
        "squared_norms",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<double>& out) {
            expect("shift", shift, {X.shape(1)});
            expect("out", out, {X.shape(0)});
            kernels.squared_norms(matrix(X), shift.data(), out.data());
        },
        named("X"), named("shift"), named("out"), Unlocked());
    module.def(
        "squared_distances",
        [&kernels](const Array2<const T>& X, const Array2<const double>& centers,
                   const Array1<const Label>& index, const Array1<double>& out) {
            expect("centers", centers, {centers.shape(0), X.shape(1)});
            expect("index", index, {X.shape(0)});
            expect("out", out, {X.shape(0)});
            kernels.squared_distances(matrix(X), centers.data(), index.data(), out.data());
        },
        named("X"), named("centers"), named("index"), named("out"), Unlocked());
}

void bind_nonnegative_sweeps(nb::module_& module, const Kernels& kernels) {
    using Doubles = const Array2<const double>&;
    module.def(
        "nonnegative_sweeps",
        [&kernels](Doubles gram, Doubles products, const Array2<double>& codes, size_t sweeps,
                   double l1, double l2, const Array1<double>& loss) {
            const size_t n = products.shape(0), k = products.shape(1);
            expect("gram", gram, {k, k});
            expect("codes", codes, {n, k});
            if (loss.size()) expect("loss", loss, {n});
            kernels.nonnegative_sweeps(matrix(gram), matrix(products), codes.data(), sweeps, l1,
                                       l2, loss.size() ? loss.data() : nullptr);
        },
        named("gram"), named("products"), named("codes"), nb::arg("sweeps"), nb::arg("l1"),
        nb::arg("l2"), named("loss"), Unlocked());
}

template <class I>
void bind_observed_sweeps(nb::module_& module,
                          void (*const& observed_sweeps)(Csr<double, I>, ObservedSquares)) {
    using Pointers = const Array1<const I>&;
    using Doubles = const Array2<const double>&;
    module.def(
        "observed_sweeps",
        [&observed_sweeps](Pointers indptr, Pointers indices, Doubles columns, Doubles base,
                           double sign, const Array1<const double>& scales, Doubles products,
                           const Array2<double>& codes, size_t sweeps, double l1, double l2,
                           double lowest, const Array1<double>& loss) {
            const Csr<double, I> listed = csr<double, I>(indptr, indices, nullptr);
            const size_t n = listed.rows, k = base.shape(0);
            expect("base", base, {k, k});
            expect("products", products, {n, k});
            expect("codes", codes, {n, k});
            if (scales.size()) expect("scales", scales, {n});
            if (loss.size()) expect("loss", loss, {n});
            expect_whole_groups(columns.shape(1));
            if (columns.shape(1) < k)
                throw nb::value_error("columns have fewer entries than there are components");
            observed_sweeps(listed, {matrix(base), matrix(columns), sign,
                                     scales.size() ? scales.data() : nullptr, products.data(),
                                     codes.data(), sweeps, l1, l2, lowest,
                                     loss.size() ? loss.data() : nullptr});
        },
        named("indptr"), named("indices"), named("columns"), named("base"), nb::arg("sign"),
        named("scales"), named("products"), named("codes"), nb::arg("sweeps"), nb::arg("l1"),
        nb::arg("l2"), nb::arg("lowest"), named("loss"), Unlocked());
}

void bind_soft_assign(nb::module_& module, const Kernels& kernels) {
    module.def(
        "soft_assign",
        [&kernels](const Array2<double>& loss, const Array1<double>& log_norm) {
            if (loss.shape(1) == 0) throw nb::value_error("loss has no columns");
            expect("log_norm", log_norm, {loss.shape(0)});
            kernels.soft_assign(matrix(loss), log_norm.data());
        },
        named("loss"), named("log_norm"), Unlocked());
}

}  // namespace

void bind_rows(nb::module_& module, const Kernels& kernels) {
    bind_top_losses(module, kernels.dense_f32);
    bind_nearest(module, kernels.dense_f32);
    bind_statistics(module, kernels.dense_f32);
    bind_norms(module, kernels.dense_f32);
    bind_top_losses(module, kernels.dense_f64);
    bind_nearest(module, kernels.dense_f64);
    bind_statistics(module, kernels.dense_f64);
    bind_norms(module, kernels.dense_f64);
    bind_soft_assign(module, kernels);
    bind_nonnegative_sweeps(module, kernels);
    bind_observed_sweeps(module, kernels.observed_sweeps_i32);
    bind_observed_sweeps(module, kernels.observed_sweeps_i64);
}

}  // namespace cofactor
