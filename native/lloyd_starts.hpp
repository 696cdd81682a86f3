// Several starts on few rows in one call: rows chosen by greedy k-means++, and Lloyd's iterations.
//
// A call from Python takes as long as an iteration on a hundred rows. Each start is what the calls
// one by one would be, to the last bit.
#pragma once

#include "lloyd.hpp"
#include "seeding_plain.hpp"

namespace cofactor::COFACTOR_ISA {

// What a start works in, carved out of the caller's memory.
template <class T>
struct StartSpace {
    StartSpace(size_t n, size_t d, size_t k, size_t trials, Carver carver)
        : panels(panels_of(n)),
          closest(carver.take<T>(n)),
          potentials(carver.take<double>(panels)),
          candidates(carver.take<Label>(trials)),
          offered(carver.take<double>(trials * panels)),
          gains(carver.take<double>(trials * panels)),
          iterations_size(lloyd_space<T>(n, d, k)),
          iterations(carver.take<char>(iterations_size)),
          size(carver.size()) {}

    const size_t panels;
    T* const closest;
    double* const potentials;
    Label* const candidates;
    double *const offered, *const gains;
    const size_t iterations_size;
    char* const iterations;
    const size_t size;  // in bytes
};

template <class T>
class Starts {
public:
    Starts(StartRows<T> rows, StartModels models, StartTask task)
        : rows_(rows),
          models_(models),
          task_(task),
          space_(rows.X.rows, rows.X.columns, models.k, task.trials, Carver(task.space)) {}

    void run() const {
        for (size_t s = 0; s < task_.count; ++s) {
            models_.n_done[s] = 0;
            if (!choose(s)) continue;
            place(s);
            models_.n_done[s] = iterate(s);
        }
    }

private:
    Label* chosen(size_t s) const { return models_.chosen + s * models_.k; }
    double* means(size_t s) const { return models_.means + s * models_.k * rows_.X.columns; }

    // Return whether there are as many different rows as that.
    bool choose(size_t s) const {
        const size_t draws = models_.k - 1, all = draws * task_.trials;
        for (size_t n = 0; n < rows_.X.rows; ++n) space_.closest[n] = infinity<T>;
        for (size_t p = 0; p < space_.panels; ++p) space_.potentials[p] = 0;
        const Matrix<const double> uniforms{task_.uniforms + s * all, draws, task_.trials};
        Board board{};
        seeding_plain<T>({rows_.X, rows_.weights, space_.closest, space_.potentials, chosen(s)},
                         {uniforms, 0, models_.k},
                         {space_.candidates, space_.offered, space_.gains},
                         reinterpret_cast<std::int64_t*>(&board));
        return chosen(s)[models_.k - 1] >= 0;
    }

    void place(size_t s) const {
        const size_t d = rows_.X.columns;
        for (size_t c = 0; c < models_.k; ++c) {
            const T* const x = rows_.X.data + static_cast<size_t>(chosen(s)[c]) * d;
            for (size_t l = 0; l < d; ++l)
                means(s)[c * d + l] = static_cast<double>(x[l]) - rows_.origin[l];
        }
    }

    std::int64_t iterate(size_t s) const {
        const size_t k = models_.k, entries = k * rows_.X.columns;
        __builtin_memset(space_.iterations, 0, space_.iterations_size);
        Board board{};
        const Matrix<double> trace{task_.trace + s * task_.until * trace_columns, task_.until,
                                   trace_columns};
        const LloydRows<T> rows{rows_.X, rows_.shift, rows_.weights,
                                models_.labels + s * rows_.X.rows};
        const LloydModel model{k,
                               means(s),
                               models_.sums + s * entries,
                               models_.counts + s * k,
                               models_.sizes + s * k,
                               false};
        const LloydTask task{task_.tolerance, task_.until, trace, space_.iterations,
                             reinterpret_cast<std::int64_t*>(&board)};
        while (board.turn >= 0) lloyd<T>(rows, model, task);
        return board.notes[0];
    }

    const StartRows<T> rows_;
    const StartModels models_;
    const StartTask task_;
    const StartSpace<T> space_;
};

template <class T>
void lloyd_starts(StartRows<T> rows, StartModels models, StartTask task) {
    Starts<T>(rows, models, task).run();
}

template <class T>
size_t lloyd_starts_space(size_t n, size_t d, size_t k, size_t trials) {
    return StartSpace<T>(n, d, k, trials, Carver(nullptr)).size;
}

}  // namespace cofactor::COFACTOR_ISA
