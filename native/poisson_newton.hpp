// Poisson rows sixteen at a time, by nonnegative Newton steps whose Hessians are used again.
//
// Passes over the rows find the derivatives; then lanes are rows, and all of them solve their own
// small quadratic programs by the same cyclic sweeps. A Hessian is kept with its rows and renewed
// only where it does not explain what an exact one would: A z = sums of rates times components.
#pragma once

#include "poisson.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t newton_rows = 16;  // of a block: as many as the Hessians are packed for

// What a step leaves of a code at least: zeros are approached by factors, and can be left.
constexpr double newton_part = 0.05;

// Sum of bends[p] h_t h_u over a row: `tile` components t from `first` on, and one vector of u.
template <class T, size_t tile>
void curve(Matrix<const T> components, CountRow<T> row, const T* bends, size_t first, size_t at,
           T* out) {
    Vec<T> sums[tile] = {};
    for (size_t p = 0; p < row.size; ++p) {
        const T* const h =
            components.data + static_cast<size_t>(row.columns[p]) * components.columns;
        const Vec<T> bent = bends[p] * load(h + at);
#pragma GCC unroll 16
        for (size_t t = 0; t < tile; ++t) sums[t] += h[first + t] * bent;
    }
    for (size_t t = 0; t < tile; ++t)
        store<T>(out + (first + t) * components.columns + at, sums[t]);
}

// The Hessian of a row: entries (t, u) with u <= t, in the rows of a square.
template <class T>
void hessian(Matrix<const T> components, size_t k, CountRow<T> row, const T* bends, T* square) {
    constexpr size_t most = vector_bytes == 64 ? 16 : 8;
    for (size_t at = 0; at < k; at += lanes<T>) {
        size_t t = at / 4 * 4;
        for (; t + most <= round_up(k, 4); t += most)
            curve<T, most>(components, row, bends, t, at, square);
        if (most == 16 && t + 8 <= round_up(k, 4)) {
            curve<T, 8>(components, row, bends, t, at, square);
            t += 8;
        }
        for (; t < k; t += 4) curve<T, 4>(components, row, bends, t, at, square);
    }
}

constexpr size_t packed_size(size_t k) { return k * (k + 1) / 2; }

// The quadratic programs of a block of rows; lanes are rows, and arrays are [component][row].
template <class T>
class NewtonPrograms {
public:
    explicit NewtonPrograms(size_t k)
        : k_(k),
          code(k * newton_rows),
          explained(k * newton_rows),
          price(k * newton_rows),
          product_(k * newton_rows),
          scale_(k * newton_rows),
          solved_(k * newton_rows),
          lift_(k * newton_rows),
          step_(k * newton_rows) {}

    void clear() {
        const size_t bytes = k_ * newton_rows * sizeof(T);
        __builtin_memset(code, 0, bytes);
        __builtin_memset(explained, 0, bytes);
        __builtin_memset(price, 0, bytes);
    }

    // Which rows have Hessians that explain too little of what they should.
    unsigned stale(const T* hessians, double tolerance) {
        unsigned rows = 0;
        for (size_t lane = 0; lane < newton_rows; lane += lanes<T>) {
            multiply(hessians + lane, lane);
            Vec<T> off{}, whole{};
            for (size_t t = 0; t < k_; ++t) {
                const size_t at = t * newton_rows + lane;
                const Vec<T> z = load(code + at), own = load(explained + at);
                const Vec<T> rest = own - load(product_ + at);
                off += z * (rest < 0 ? -rest : rest);
                whole += z * own;
            }
            const Vec<T> most = whole * static_cast<T>(tolerance);
            for (size_t i = 0; i < lanes<T>; ++i)
                rows |= static_cast<unsigned>(!(off[i] <= most[i])) << (lane + i);
        }
        return rows;
    }

    // Solve all programs; Hessians of `fresh` rows are exact. Needs products of the others.
    void solve(const T* hessians, unsigned fresh, const PoissonModel<T>& model, size_t sweeps) {
        for (size_t lane = 0; lane < newton_rows; lane += lanes<T>) {
            rescale(lane, fresh >> lane);
            begin(hessians + lane, lane, model);
            for (size_t sweep = 0; sweep < sweeps; ++sweep) descend(hessians + lane, lane);
        }
    }

    // A code of the solution.
    COFACTOR_INLINE T solved(size_t t, size_t row) const {
        const size_t at = t * newton_rows + row;
        return solved_[at] / scale_[at];
    }

private:
    const size_t k_;

public:
    const Scratch<T> code, explained, price;

private:
    // product = hessian * code
    void multiply(const T* hessians, size_t lane) {
        for (size_t t = 0; t < k_; ++t) {
            const Vec<T> z = load(code + t * newton_rows + lane);
            Vec<T> sum{};
            for (size_t u = 0; u < t; ++u) {
                const Vec<T> entry = load(hessians + u * newton_rows);
                T* const other = product_ + u * newton_rows + lane;
                sum += entry * load(code + u * newton_rows + lane);
                store<T>(other, load(other) + entry * z);
            }
            sum += load(hessians + t * newton_rows) * z;
            store<T>(product_ + t * newton_rows + lane, sum);
            hessians += (t + 1) * newton_rows;
        }
    }

    // Scale components so that an old Hessian explains what it should, roughly.
    void rescale(size_t lane, unsigned fresh) {
        constexpr T range = 1e4;
        Int<T> exact{};
        for (size_t i = 0; i < lanes<T>; ++i) exact[i] = fresh >> i & 1 ? -1 : 0;
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            Vec<T> ratio =
                positive<T>(load(explained + at)) / positive<T>(load(product_ + at));
            ratio = at_least(ratio, splat(1 / range));
            ratio = ratio < range ? ratio : splat(range);
            for (size_t i = 0; i < lanes<T>; ++i) ratio[i] = __builtin_sqrt(ratio[i]);
            store<T>(scale_ + at, exact ? splat(T{1}) : ratio);
        }
    }

    // Gradients, and diagonals of at least explained^2 / counts, as Cauchy-Schwarz says they are.
    void begin(const T* diagonal, size_t lane, const PoissonModel<T>& model) {
        Vec<T> counts = splat(least_fitted<T>);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            counts += load(code + at) * load(explained + at);
        }
        const T l2 = static_cast<T>(model.l2);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            const Vec<T> s = load(scale_ + at), z = load(code + at), own = load(explained + at);
            const Vec<T> scaled = own / s, bend = load(diagonal + t * newton_rows);
            const Vec<T> lacking = scaled * scaled / counts - bend;
            const Vec<T> lift = at_least(lacking, Vec<T>{}) + l2 / (s * s);
            store<T>(lift_ + at, lift);
            store<T>(step_ + at, T{1} / at_least(bend + lift, splat(least_fitted<T>)));
            store<T>(product_ + at, (load(price + at) + l2 * z - own) / s);
            store<T>(solved_ + at, s * z);
            diagonal += (t + 1) * newton_rows;
        }
        floor_ = static_cast<T>(model.floor);
    }

    // One sweep: each code in turn to its minimum, and the gradients (in place of products) after.
    COFACTOR_INLINE void descend(const T* hessians, size_t lane) {
        const T* row = hessians;
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            const Vec<T> old = load(solved_ + at), slope = load(product_ + at);
            const Vec<T> s = load(scale_ + at);
            const Vec<T> least =
                s * at_least(load(code + at) * static_cast<T>(newton_part), splat(floor_));
            const Vec<T> fresh = at_least(old - slope * load(step_ + at), least);
            const Vec<T> moved = fresh - old;
            store<T>(solved_ + at, fresh);
            store<T>(product_ + at, slope + moved * load(lift_ + at));
            const T* entry = row;
            for (size_t u = 0; u < t; ++u) move(u, lane, moved, entry), entry += newton_rows;
            for (size_t u = t; u < k_; ++u) {
                move(u, lane, moved, entry);
                entry += (u + 1) * newton_rows;
            }
            row += (t + 1) * newton_rows;
        }
    }

    COFACTOR_INLINE void move(size_t u, size_t lane, Vec<T> moved, const T* entry) {
        T* const slope = product_ + u * newton_rows + lane;
        store<T>(slope, load(slope) + moved * load(entry));
    }

    const Scratch<T> product_, scale_, solved_, lift_, step_;
    T floor_ = 0;
};

// A block of rows: passes, programs, and codes that never lose more than they did.
template <class T, class Counts>
class NewtonBlock {
public:
    NewtonBlock(const Counts& X, const PoissonModel<T>& model, PoissonNewton<T> newton,
                PoissonCodes<T> out)
        : X_(X),
          model_(model),
          newton_(newton),
          out_(out),
          shelf_(X, newton_rows),
          bends_(shelf_.size()),
          square_(model.columns.columns * model.columns.columns),
          codes_(model.columns.columns),
          explained_(model.columns.columns),
          programs_(model.k) {
        __builtin_memset(codes_, 0, model.columns.columns * sizeof(T));
    }

    void improve(size_t block) {
        first_ = block * newton_rows;
        size_ = smaller(newton_rows, X_.rows() - first_);
        hessians_ = newton_.hessians + block * packed_size(model_.k) * newton_rows;
        pass();
        unsigned fresh = programs_.stale(hessians_, newton_.tolerance) & open_;
        renew(fresh);
        programs_.solve(hessians_, fresh, model_, newton_.sweeps);
        unsigned failed = accept(open_);
        if (const unsigned again = failed & ~fresh) {
            renew(again);
            programs_.solve(hessians_, fresh | again, model_, newton_.sweeps);
            failed = (failed & fresh) | accept(again);
        }
        for (size_t l = 0; l < size_; ++l)
            if (failed >> l & 1) retreat(l);
    }

private:
    // Losses and derivatives of all rows; rows without counts are done.
    void pass() {
        open_ = 0;
        programs_.clear();
        size_t place = 0;
        for (size_t l = 0; l < size_; ++l) {
            rows_[l] = shelf_.take(X_, model_.weights, first_ + l, place);
            bent_[l] = bends_ + place;
            place += rows_[l].size;
            if (counted(rows_[l])) {
                open_ |= 1u << l;
                explain_row(l);
            } else {
                settle(l, 0);
            }
        }
    }

    void explain_row(size_t l) {
        __builtin_memcpy(codes_, codes(l), model_.k * sizeof(T));
        before_[l] = lifted(model_, +codes_, [&] {
            return explain(model_, first_ + l, rows_[l], +codes_, {explained_, bent_[l]});
        });
        const double* const totals = totals_of(model_, first_ + l);
        for (size_t t = 0; t < model_.k; ++t) {
            const size_t at = t * newton_rows + l;
            programs_.code[at] = codes_[t];
            programs_.explained[at] = explained_[t];
            programs_.price[at] = static_cast<T>(totals[t] + model_.l1);
        }
    }

    void settle(size_t l, double loss) {
        if (open_ >> l & 1)
            __builtin_memcpy(codes(l), codes_, model_.k * sizeof(T));
        else
            __builtin_memset(codes(l), 0, model_.k * sizeof(T));
        if (out_.loss) out_.loss[first_ + l] = loss;
    }

    void renew(unsigned rows) {
        for (size_t l = 0; l < size_; ++l) {
            if (!(rows >> l & 1)) continue;
            hessian<T>(model_.columns, model_.k, rows_[l], bent_[l], square_);
            T* to = hessians_ + l;
            for (size_t t = 0; t < model_.k; ++t)
                for (size_t u = 0; u <= t; ++u, to += newton_rows)
                    *to = square_[t * model_.columns.columns + u];
        }
    }

    // Take the solutions of rows that lose less with them; return the others.
    unsigned accept(unsigned rows) {
        unsigned failed = 0;
        for (size_t l = 0; l < size_; ++l) {
            if (!(rows >> l & 1)) continue;
            for (size_t t = 0; t < model_.k; ++t) codes_[t] = programs_.solved(t, l);
            const double after = row_loss(model_, first_ + l, rows_[l], +codes_);
            if (after <= before_[l])
                settle(l, after);
            else
                failed |= 1u << l;
        }
        return failed;
    }

    // A multiplicative step; where rounding makes even that a rise, none.
    void retreat(size_t l) {
        for (size_t t = 0; t < model_.k; ++t) {
            codes_[t] = programs_.code[t * newton_rows + l];
            explained_[t] = programs_.explained[t * newton_rows + l];
        }
        multiply(model_, first_ + l, +explained_, +codes_);
        const double after = row_loss(model_, first_ + l, rows_[l], +codes_);
        if (after <= before_[l]) return settle(l, after);
        for (size_t t = 0; t < model_.k; ++t) codes_[t] = programs_.code[t * newton_rows + l];
        settle(l, before_[l]);
    }

    T* codes(size_t l) const { return out_.codes + (first_ + l) * model_.k; }

    const Counts& X_;
    const PoissonModel<T>& model_;
    const PoissonNewton<T> newton_;
    const PoissonCodes<T> out_;
    CountShelf<T> shelf_;
    const Scratch<T> bends_, square_, codes_, explained_;
    NewtonPrograms<T> programs_;
    CountRow<T> rows_[newton_rows];
    T* bent_[newton_rows];
    double before_[newton_rows];
    T* hessians_ = nullptr;
    size_t first_ = 0, size_ = 0;
    unsigned open_ = 0;  // rows that have counts
};

template <class T, class Counts>
void newton_blocks(const Counts& X, const PoissonModel<T>& model, PoissonNewton<T> newton,
                   PoissonCodes<T> out) {
    NewtonBlock<T, Counts> block(X, model, newton, out);
    for (size_t b = 0; b * newton_rows < X.rows(); ++b) block.improve(b);
}

template <class T>
void poisson_newton(Matrix<const T> X, PoissonModel<T> model, PoissonNewton<T> newton,
                    PoissonCodes<T> out) {
    newton_blocks(DenseCounts<T>{X}, model, newton, out);
}

template <class T, class I>
void poisson_newton_csr(Csr<T, I> X, PoissonModel<T> model, PoissonNewton<T> newton,
                        PoissonCodes<T> out) {
    newton_blocks(SparseCounts<T, I>{X}, model, newton, out);
}

}  // namespace cofactor::COFACTOR_ISA
