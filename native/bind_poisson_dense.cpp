// Bindings of the kernels of Poisson codes of dense rows, whose components lie in strips.
#include "bindings.hpp"

namespace cofactor {
namespace {

constexpr size_t strip_columns = 64;

// The arguments that both kernels share, checked.
template <class T>
struct DenseTask {
    using Rows = const Array2<const T>&;
    using Strips = const Array3<const T>&;
    using Totals = const Array2<const double>&;
    using Weights = const Array1<const T>&;
    using Given = const Array2<const T>&;
    using Codes = const Array2<T>&;
    using Loss = const Array1<double>&;

    DenseTask(const Board& board, Rows X, Strips strips, Totals totals, Weights weights,
              Given start, Codes begun, Codes codes, double l1, double l2, double log,
              double floor, Loss before, Loss loss)
        : board(board.data()),
          X(matrix(X)),
          model{{}, {}, true, codes.shape(1), matrix(totals),
                weights.size() ? weights.data() : nullptr, l1, l2, log, floor, strips.data()},
          out(poisson_codes(board, X.shape(0), model.k, start, begun, codes, before, loss)) {
        const size_t rows = X.shape(0), columns = X.shape(1), k = model.k;
        expect("strips", strips,
               {(columns + strip_columns - 1) / strip_columns, (k + 1) / 2 * 2, strip_columns});
        expect("totals", totals, {totals.shape(0) == 1 ? 1 : rows, k});
        if (model.weights) expect("weights", weights, {columns});
    }

    std::int64_t* board;
    Matrix<const T> X;
    PoissonModel<T> model;
    PoissonCodes<T> out;
};

template <class T>
void bind(nb::module_& module, const PoissonKernels<T>& kernels) {
    using Task = DenseTask<T>;
    using Rows = typename Task::Rows;
    using Strips = typename Task::Strips;
    using Totals = typename Task::Totals;
    using Weights = typename Task::Weights;
    using Given = typename Task::Given;
    using Codes = typename Task::Codes;
    using Loss = typename Task::Loss;
    module.def(
        "poisson_multiplicative",
        [&kernels](const Board& board, Rows X, Strips strips, Totals totals, Weights weights,
                   Given start, Codes begun, Codes codes, double l1, double l2, double log,
                   double floor, Loss before, Loss loss) {
            const Task task(board, X, strips, totals, weights, start, begun, codes, l1, l2, log,
                            floor, before, loss);
            with_helpers(board, [&] {
                kernels.multiplicative(task.board, task.X, task.model, task.out);
            });
        },
        named("board"), named("X"), named("strips"), named("totals"), named("weights"),
        named("start"), named("begun"), named("codes"), nb::arg("l1"), nb::arg("l2"),
        nb::arg("log"), nb::arg("floor"), named("before"), named("loss"), Unlocked());
    module.def(
        "poisson_newton",
        [&kernels](const Board& board, Rows X, Strips strips, Totals totals, Weights weights,
                   Given start, Codes begun, Codes codes, const Array3<T>& hessians, size_t sweeps,
                   double tolerance, double trust, double l1, double l2, double log, double floor,
                   Loss before, Loss loss) {
            const Task task(board, X, strips, totals, weights, start, begun, codes, l1, l2, log,
                            floor, before, loss);
            const PoissonNewton<T> newton =
                newton_of(task.X.rows, task.model.k, hessians, sweeps, tolerance, trust);
            with_helpers(board,
                         [&] { kernels.newton(task.board, task.X, task.model, newton, task.out); });
        },
        named("board"), named("X"), named("strips"), named("totals"), named("weights"),
        named("start"), named("begun"), named("codes"), named("hessians"), nb::arg("sweeps"),
        nb::arg("tolerance"), nb::arg("trust"), nb::arg("l1"), nb::arg("l2"), nb::arg("log"),
        nb::arg("floor"), named("before"), named("loss"), Unlocked());
}

}  // namespace

void bind_poisson_dense(nb::module_& module, const Kernels& kernels) {
    bind(module, kernels.poisson_f32);
    bind(module, kernels.poisson_f64);
}

}  // namespace cofactor
