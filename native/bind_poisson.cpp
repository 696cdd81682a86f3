// Bindings of the kernels of Poisson codes.
#include <optional>

#include "bindings.hpp"

namespace cofactor {
namespace {

constexpr size_t most_columns = size_t{1} << 27;  // whose places are 32 bits

// Four components beside the groups, or none; up to three groups may have a rest.
size_t expected_rest(size_t width, size_t rest) {
    return rest && 16 <= width && width <= 48 ? 4 : 0;
}

// The arguments that all kernels share, checked.
template <class T>
struct Task {
    using Columns = const Array2<const T>&;
    using Totals = const Array2<const double>&;
    using Weights = const Array1<const T>&;
    using Given = const Array2<const T>&;
    using Codes = const Array2<T>&;
    using Loss = const Array1<double>&;

    Task(const Board& board, size_t rows, size_t n_columns, Columns columns, Columns rest,
         Totals totals, Weights weights, Given start, Codes begun, Codes codes, double l1,
         double l2, double log, double floor, Loss before, Loss loss)
        : board(board.data()),
          model{matrix(columns), matrix(rest), rest.shape(0) == columns.shape(0), codes.shape(1),
                matrix(totals),
                weights.size() ? weights.data() : nullptr, l1, l2, log, floor,
                nullptr},
          out(poisson_codes(board, rows, model.k, start, begun, codes, before, loss)) {
        if (columns.shape(0) >= most_columns)
            throw nb::value_error("counts have 134,217,728 columns or more");
        if (n_columns) expect("columns", columns, {n_columns, columns.shape(1)});
        if (model.laid_out)
            expect_laid_out(columns, rest);
        else
            expect_as_given(columns, rest);
        const bool own = !model.laid_out && !totals.shape(0), alike = totals.shape(0) == 1;
        expect("totals", totals, {own ? 0 : alike ? 1 : rows, model.k});
        if (model.weights) expect("weights", weights, {columns.shape(0)});
    }

    void expect_laid_out(Columns columns, Columns rest) const {
        expect_whole_groups(columns.shape(1));
        expect("rest", rest, {columns.shape(0), expected_rest(columns.shape(1), rest.shape(1))});
        if (columns.shape(1) + rest.shape(1) < model.k)
            throw nb::value_error("columns hold fewer than k components");
    }

    void expect_as_given(Columns columns, Columns rest) const {
        expect("columns", columns, {columns.shape(0), model.k});
        expect("rest", rest, {0, 0});
    }

    std::int64_t* board;
    PoissonModel<T> model;
    PoissonCodes<T> out;
};

// Offsets of the stored entries; none: zero.
template <class T>
const T* offsets_of(const Array1<const T>& offsets, size_t stored) {
    if (!offsets.size()) return nullptr;
    expect("offsets", offsets, {stored});
    return offsets.data();
}

template <class T, class I>
void bind_sparse(nb::module_& module, const SparseKernels<T, I>& kernels) {
    using Pointers = const Array1<const I>&;
    using Values = const Array1<const T>&;
    using Columns = typename Task<T>::Columns;
    using Totals = typename Task<T>::Totals;
    using Weights = typename Task<T>::Weights;
    using Given = typename Task<T>::Given;
    using Codes = typename Task<T>::Codes;
    using Loss = typename Task<T>::Loss;
    module.def(
        "poisson_multiplicative_csr",
        [&kernels](const Board& board, Pointers indptr, Pointers indices, Values data,
                   Values offsets, Columns columns, Columns rest, Totals totals, Weights weights,
                   Given start, Codes begun, Codes codes, double l1, double l2, double log,
                   double floor, Loss before, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const Task<T> task(board, X.rows, 0, columns, rest, totals, weights, start, begun,
                               codes, l1, l2, log, floor, before, loss);
            const T* const shares = offsets_of<T>(offsets, data.size());
            with_helpers(board, [&] {
                kernels.poisson_multiplicative(task.board, X, shares, task.model, task.out);
            });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("offsets"),
        named("columns"), named("rest"), named("totals"), named("weights"), named("start"),
        named("begun"), named("codes"), nb::arg("l1"), nb::arg("l2"), nb::arg("log"),
        nb::arg("floor"), named("before"), named("loss"), Unlocked());
    module.def(
        "poisson_coordinate_csr",
        [&kernels](const Board& board, Pointers indptr, Pointers indices, Values data,
                   Values offsets, Columns columns, Columns rest, Totals totals, Weights weights,
                   Given start, Codes begun, Codes codes, size_t sweeps, double l1, double l2,
                   double log, double floor, Loss before, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const Task<T> task(board, X.rows, 0, columns, rest, totals, weights, start, begun,
                               codes, l1, l2, log, floor, before, loss);
            const T* const shares = offsets_of<T>(offsets, data.size());
            with_helpers(board, [&] {
                kernels.poisson_coordinate(task.board, X, shares, task.model, sweeps, task.out);
            });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("offsets"),
        named("columns"), named("rest"), named("totals"), named("weights"), named("start"),
        named("begun"), named("codes"), nb::arg("sweeps"), nb::arg("l1"), nb::arg("l2"),
        nb::arg("log"), nb::arg("floor"), named("before"), named("loss"), Unlocked());
    module.def(
        "poisson_explained_csr",
        [&kernels](const Board& board, Pointers indptr, Pointers indices, Values data,
                   Values offsets, Columns columns, Columns rest, Totals totals, Weights weights,
                   Given codes, Codes explained) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const Array1<double> none;
            const Task<T> task(board, X.rows, 0, columns, rest, totals, weights, codes, explained,
                               explained, 0, 0, 0, 0, none, none);
            const T* const shares = offsets_of<T>(offsets, data.size());
            with_helpers(board, [&] {
                kernels.poisson_explained(task.board, X, shares, task.model, task.out.given,
                                          task.out.codes);
            });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("offsets"),
        named("columns"), named("rest"), named("totals"), named("weights"), named("codes"),
        named("explained"), Unlocked());
    module.def(
        "poisson_newton_csr",
        [&kernels](const Board& board, Pointers indptr, Pointers indices, Values data,
                   Columns columns, Columns rest, Totals totals, Weights weights, Given start,
                   Codes begun, Codes codes, const Array3<T>& hessians, size_t sweeps,
                   double tolerance, double trust, double l1, double l2, double log, double floor,
                   Loss before, Loss loss) {
            const Csr<T, I> X = csr(indptr, indices, data);
            const Task<T> task(board, X.rows, 0, columns, rest, totals, weights, start, begun,
                               codes, l1, l2, log, floor, before, loss);
            const PoissonNewton<T> newton =
                newton_of<T>(X.rows, task.model.k, hessians, sweeps, tolerance, trust);
            with_helpers(
                board, [&] { kernels.poisson_newton(task.board, X, task.model, newton, task.out); });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("columns"),
        named("rest"), named("totals"), named("weights"), named("start"), named("begun"),
        named("codes"), named("hessians"), nb::arg("sweeps"), nb::arg("tolerance"),
        nb::arg("trust"), nb::arg("l1"), nb::arg("l2"), nb::arg("log"), nb::arg("floor"),
        named("before"), named("loss"), Unlocked());
}

template <class T>
void bind_brief(nb::module_& module, const PoissonKernels<T>& kernels) {
    using Nothing = const Array1<const T>&;
    module.def(
        "poisson_multiplicative_csr",
        [&kernels](const Board& board, const Array1<const std::int64_t>& indptr,
                   const Array1<const std::uint16_t>& indices,
                   const Array1<const std::uint8_t>& data, Nothing offsets,
                   typename Task<T>::Columns columns, typename Task<T>::Columns rest,
                   typename Task<T>::Totals totals, Nothing weights,
                   typename Task<T>::Given start, typename Task<T>::Codes begun,
                   typename Task<T>::Codes codes, double l1, double l2, double log, double floor,
                   typename Task<T>::Loss before, typename Task<T>::Loss loss) {
            const BriefCsr X = {indptr.data(), indices.data(), data.data(),
                                csr_rows(indptr, indices)};
            expect("data", data, {indices.shape(0)});
            expect("offsets", offsets, {0});
            expect("weights", weights, {0});
            const Task<T> task(board, X.rows, 0, columns, rest, totals, weights, start, begun,
                               codes, l1, l2, log, floor, before, loss);
            with_helpers(board, [&] {
                kernels.multiplicative_brief(task.board, X, task.model, task.out);
            });
        },
        named("board"), named("indptr"), named("indices"), named("data"), named("offsets"),
        named("columns"), named("rest"), named("totals"), named("weights"), named("start"),
        named("begun"), named("codes"), nb::arg("l1"), nb::arg("l2"), nb::arg("log"),
        nb::arg("floor"), named("before"), named("loss"), Unlocked());
}

// Numbers that are laid out in less time than a thread takes to get the interpreter back, once it
// has let go of it and another one has it.
constexpr size_t soon_laid_out = size_t{1} << 17;

template <class T>
void bind_layout(nb::module_& module, const PoissonKernels<T>& kernels) {
    module.def(
        "lay_components",
        [&kernels](const Array2<const T>& columns, const Array1<const T>& weights,
               const Array2<T>& whole, const Array2<T>& rest, const Array1<double>& totals) {
            const size_t d = columns.shape(0), k = columns.shape(1), width = whole.shape(1);
            expect_whole_groups(width);
            const size_t beside = expected_rest(width, rest.shape(1));
            expect("whole", whole, {d, width});
            expect("rest", rest, {d, beside});
            expect("totals", totals, {k});
            if (beside ? k <= width || width + beside < k : width < k || k + 16 <= width)
                throw nb::value_error("whole and rest are not as wide as the components need");
            if (weights.size()) expect("weights", weights, {d});
            std::optional<nb::gil_scoped_release> unlocked;
            if (d * k > soon_laid_out) unlocked.emplace();
            kernels.lay_components(matrix(columns), weights.size() ? weights.data() : nullptr, matrix(whole),
                matrix(rest), totals.data());
        },
        named("columns"), named("weights"), named("whole"), named("rest"), named("totals"));
}

template <class T>
void bind_dense(nb::module_& module, const PoissonKernels<T>& kernels) {
    using Values = const Array2<const T>&;
    using Columns = typename Task<T>::Columns;
    using Totals = typename Task<T>::Totals;
    using Weights = typename Task<T>::Weights;
    using Given = typename Task<T>::Given;
    using Codes = typename Task<T>::Codes;
    using Loss = typename Task<T>::Loss;
    module.def(
        "poisson_coordinate",
        [&kernels](const Board& board, Values X, Columns columns, Columns rest, Totals totals,
                   Weights weights, Given start, Codes begun, Codes codes, size_t sweeps, double l1,
                   double l2, double log, double floor, Loss before, Loss loss) {
            const Task<T> task(board, X.shape(0), X.shape(1), columns, rest, totals, weights, start,
                               begun, codes, l1, l2, log, floor, before, loss);
            with_helpers(board, [&] {
                kernels.coordinate(task.board, matrix(X), task.model, sweeps, task.out);
            });
        },
        named("board"), named("X"), named("columns"), named("rest"), named("totals"),
        named("weights"), named("start"), named("begun"), named("codes"), nb::arg("sweeps"),
        nb::arg("l1"), nb::arg("l2"), nb::arg("log"), nb::arg("floor"), named("before"),
        named("loss"), Unlocked());
}

}  // namespace

void bind_poisson(nb::module_& module, const Kernels& kernels) {
    bind_sparse(module, kernels.sparse_f32_i32);
    bind_sparse(module, kernels.sparse_f32_i64);
    bind_sparse(module, kernels.sparse_f64_i32);
    bind_sparse(module, kernels.sparse_f64_i64);
    bind_dense(module, kernels.poisson_f32);
    bind_dense(module, kernels.poisson_f64);
    bind_brief(module, kernels.poisson_f32);
    bind_brief(module, kernels.poisson_f64);
    bind_layout(module, kernels.poisson_f32);
    bind_layout(module, kernels.poisson_f64);
}

}  // namespace cofactor
