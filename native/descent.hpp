// One local search in one call: Lloyd's iterations until few rows move, then moves of single rows
// until none pays.
#pragma once

#include "hartigan.hpp"
#include "lloyd.hpp"

namespace cofactor::COFACTOR_ISA {

// What a descent works in, carved out of the caller's memory.
template <class T>
struct DescentSpace {
    DescentSpace(size_t n, size_t d, size_t k, size_t most, Carver carver)
        : lloyd_size(lloyd_space<T>(n, d, k)),
          lloyd(carver.take<char>(lloyd_size)),
          board(carver.take<std::int64_t>(board_size)),
          trace(carver.take<double>(most * trace_columns)),
          sums(carver.take<double>(k * d)),
          before(carver.take<double>(k * d)),
          counts_before(carver.take<double>(k)),
          drift(carver.take<double>(k)),
          sizes(carver.take<std::int64_t>(k)),
          upper(carver.take<double>(n)),
          lower(carver.take<double>(n)),
          cost(carver.take<double>(n)),
          numbers(carver.take<std::int64_t>(n)),
          targets(carver.take<Label>(n)),
          places(carver.take<Label>(k)),
          components(carver.take<T>(k * d)),
          half_norms(carver.take<T>(k)),
          shares(carver.take<T>(k)),
          size(carver.size()) {}

    const size_t lloyd_size;
    char* const lloyd;
    std::int64_t* const board;
    double *const trace, *const sums;
    double *const before, *const counts_before, *const drift;  // of the means, over a sweep
    std::int64_t* const sizes;
    double *const upper, *const lower;  // bounds of rows
    double* const cost;                 // of rows that may move
    std::int64_t* const numbers;
    Label *const targets, *const places;
    T *const components, *const half_norms, *const shares;  // as targets are looked for
    const size_t size;  // in bytes
};

template <class T>
class Descent {
public:
    Descent(DescentRows<T> rows, DescentModel model, DescentTask task)
        : rows_(rows),
          model_(model),
          task_(task),
          n_(rows.X.rows),
          d_(rows.X.columns),
          space_(n_, d_, model.k, task.most, Carver(task.space)),
          near_{rows.X, {model.means, model.k, d_}},
          clustering_{rows.weights, model.labels, model.counts},
          limits_{1e-10, task.slack, 1e-12},
          bounds_{space_.upper, space_.lower},
          heaviest_(largest_weight()) {}

    double run() {
        iterate();
        set_means();
        fill();
        forget();
        for (size_t i = 0; i < task_.most && sweep() > 0; ++i) {}
        set_means();
        return inertia();
    }

private:
    double largest_weight() const {
        double largest = 0;
        for (size_t n = 0; n < n_; ++n) largest = larger(largest, rows_.weights[n]);
        return largest;
    }

    double* mean_of(size_t c) const { return model_.means + c * d_; }

    void move_means(double sign) const {
        for (size_t c = 0; c < model_.k; ++c)
            for (size_t l = 0; l < d_; ++l)
                mean_of(c)[l] += sign * static_cast<double>(rows_.shift[l]);
    }

    void iterate() const {
        constexpr double never = -1;  // no squared shift is as small
        __builtin_memset(space_.lloyd, 0, space_.lloyd_size);
        __builtin_memset(space_.board, 0, board_size * sizeof(std::int64_t));
        for (size_t n = 0; n < n_; ++n) model_.labels[n] = -1;
        move_means(-1);
        const LloydModel model = {model_.k,      model_.means, space_.sums,
                                  model_.counts, space_.sizes, false};
        const LloydTask task = {never,        task_.most,   {space_.trace, task_.most, trace_columns},
                                space_.lloyd, space_.board, task_.few};
        while (space_.board[0] != -1)
            lloyd<T>({rows_.X, rows_.shift, rows_.weights, model_.labels}, model, task);
        move_means(1);
    }

    // Move means to those of their rows, added up anew; others stay.
    void set_means() const {
        __builtin_memset(space_.sums, 0, model_.k * d_ * sizeof(double));
        for (size_t c = 0; c < model_.k; ++c) model_.counts[c] = 0;
        for (size_t n = 0; n < n_; ++n) add(n, static_cast<size_t>(model_.labels[n]));
        for (size_t c = 0; c < model_.k; ++c)
            for (size_t l = 0; l < d_ && model_.counts[c] > 0; ++l)
                mean_of(c)[l] = static_cast<double>(rows_.shift[l]) +
                                space_.sums[c * d_ + l] / model_.counts[c];
    }

    void add(size_t n, size_t c) const {
        const T* const x = rows_.X.data + n * d_;
        double* __restrict const sum = space_.sums + c * d_;
        const double weight = rows_.weights[n];
        model_.counts[c] += weight;
        for (size_t l = 0; l < d_; ++l)
            sum[l] += weight * (static_cast<double>(x[l]) - static_cast<double>(rows_.shift[l]));
    }

    // Give each empty component the row that saves most by leaving, while any saves something.
    void fill() const {
        for (size_t c = 0; c < model_.k; ++c) {
            if (model_.counts[c] > 0) continue;
            space_.numbers[0] = costliest();
            space_.targets[0] = static_cast<Label>(c);
            if (!(move(1) > 0)) return;
        }
    }

    std::int64_t costliest() const {
        double most = -1;
        size_t worst = 0;
        for (size_t n = 0; n < n_; ++n) {
            const Leaving leaving(clustering_, n);
            if (leaving.alone(limits_)) continue;
            const double saved = rows_.weights[n] * leaving.saved(own_distance(n));
            if (saved > most) most = saved, worst = n;
        }
        return static_cast<std::int64_t>(worst);
    }

    double own_distance(size_t n) const {
        return near_.distance(n, static_cast<size_t>(model_.labels[n]));
    }

    double move(size_t proposals) const {
        return make_moves(near_, {space_.numbers, space_.targets, proposals}, limits_, clustering_);
    }

    void forget() const {
        for (size_t c = 0; c < model_.k; ++c) space_.drift[c] = 0;
        for (size_t n = 0; n < n_; ++n) open(n);
    }

    void open(size_t n) const { space_.upper[n] = 1e100, space_.lower[n] = 0; }

    // Let the rows move whose move pays; return by how much the inertia fell.
    double sweep() {
        const size_t found = open_rows(near_, 0, n_, {space_.drift, factor_, term_}, limits_,
                                       clustering_, bounds_, space_.numbers);
        __builtin_memcpy(space_.before, model_.means, model_.k * d_ * sizeof(double));
        __builtin_memcpy(space_.counts_before, model_.counts, model_.k * sizeof(double));
        prepare_components();
        hartigan_targets<T>(rows_.X, rows_.shift, numbered(found),
                            {{space_.components, model_.k, d_}, space_.half_norms, space_.shares},
                            space_.targets, space_.cost);
        const size_t hopeful = keep_hopeful(found);
        const double gain = move(hopeful);
        for (size_t i = 0; i < hopeful; ++i) {
            const size_t n = static_cast<size_t>(space_.numbers[i]);
            if (model_.labels[n] == space_.targets[i]) open(n);
        }
        follow();
        return gain;
    }

    HartiganRows numbered(size_t count) const {
        return {space_.numbers, count,         rows_.half_norms,
                rows_.weights,  model_.labels, space_.places};
    }

    void prepare_components() {
        reach_ = 0;
        for (size_t c = 0; c < model_.k; ++c) {
            const double* const mean = mean_of(c);
            const T* const shift = rows_.shift;
            const double norm = sum_of(d_, [=](size_t l) {
                const double z = mean[l] - static_cast<double>(shift[l]);
                return z * z;
            });
            for (size_t l = 0; l < d_; ++l)
                space_.components[c * d_ + l] =
                    static_cast<T>(mean[l] - static_cast<double>(shift[l]));
            const bool filled = model_.counts[c] > 0;
            space_.half_norms[c] = filled ? static_cast<T>(0.5 * norm) : infinity<T>;
            space_.shares[c] = filled ? static_cast<T>(1 / model_.counts[c]) : 0;
            space_.places[c] = static_cast<Label>(c);
            reach_ = larger(reach_, __builtin_sqrt(norm));
        }
    }

    // Bound what the found rows would pay elsewhere; keep those that this leaves a move open to.
    size_t keep_hopeful(size_t found) const {
        const double unit = static_cast<double>(d_ + 8) * epsilon;
        size_t count = 0;
        for (size_t i = 0; i < found; ++i) {
            const size_t n = static_cast<size_t>(space_.numbers[i]);
            const double span = __builtin_sqrt(2 * rows_.half_norms[n]) + reach_;
            const double least = at_least(space_.cost[i] - unit * span * span, 0.0);
            space_.lower[n] = smaller(__builtin_sqrt(least), 1e100);
            const double own = space_.upper[n] * space_.upper[n];
            space_.numbers[count] = static_cast<std::int64_t>(n);
            space_.targets[count] = space_.targets[i];
            count += space_.targets[i] >= 0 &&
                     pays(Leaving(clustering_, n).saved(own), least, limits_);
        }
        return count;
    }

    // How bounds loosen by what the means have moved in this sweep.
    void follow() {
        factor_ = 1, term_ = 0;
        for (size_t c = 0; c < model_.k; ++c) {
            const double *const mean = mean_of(c), *const old = space_.before + c * d_;
            const double moved = sum_of(d_, [=](size_t l) {
                const double step = mean[l] - old[l];
                return step * step;
            });
            space_.drift[c] = __builtin_sqrt(moved) * (1 + 1e-12);
            term_ = larger(term_, space_.drift[c]);
            const double share = share_after(model_.counts[c]) / share_after(space_.counts_before[c]);
            if (share < factor_ * factor_) factor_ = __builtin_sqrt(share);
        }
    }

    double share_after(double count) const {
        return count > 0 ? count / (count + heaviest_) : 1;
    }

    double inertia() const {
        double total = 0;
        for (size_t n = 0; n < n_; ++n) total += rows_.weights[n] * own_distance(n);
        return total;
    }

    static constexpr double epsilon = sizeof(T) == 4 ? 0x1p-23 : 0x1p-52;

    const DescentRows<T> rows_;
    const DescentModel model_;
    const DescentTask task_;
    const size_t n_, d_;
    const DescentSpace<T> space_;
    const DenseMeans<T> near_;
    const Clustering clustering_;
    const HartiganLimits limits_;
    const HartiganBounds bounds_;
    const double heaviest_;
    double reach_ = 0, factor_ = 1, term_ = 0;
};

template <class T>
double descend(DescentRows<T> rows, DescentModel model, DescentTask task) {
    return Descent<T>(rows, model, task).run();
}

template <class T>
size_t descent_space(size_t n, size_t d, size_t k, size_t most) {
    return DescentSpace<T>(n, d, k, most, Carver(nullptr)).size;
}

}  // namespace cofactor::COFACTOR_ISA
