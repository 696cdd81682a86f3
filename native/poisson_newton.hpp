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

// Components t that the Hessian's rows are made for at once: as many as leave registers free.
constexpr size_t most_curved = vector_bytes == 64 ? 24 : 8;

// Sum of bends[p] h_t h_u over a row: `tile` components t from `first` on, and one vector of u.
// Few components are added up in several chains, so that no sum waits for the one before.
template <class T, size_t tile>
[[gnu::noinline]] void curve(Matrix<const T> components, CountRow<T> row, const T* bends,
                             size_t first, size_t at, T* out) {
    constexpr size_t chains = tile * 4 <= most_curved ? 4 : tile * 2 <= most_curved ? 2 : 1;
    const T *const left = components.data + first, *const right = components.data + at;
    Vec<T> sums[chains][tile] = {};
    for (size_t p = 0; p < row.size; p += chains) {
#pragma GCC unroll 4
        for (size_t c = 0; c < chains; ++c) {
            const size_t start = static_cast<size_t>(row.columns[p + c]) * components.columns;
            const Vec<T> bent = bends[p + c] * load(right + start);
            const T* const h = left + start;
#pragma GCC unroll 24
            for (size_t t = 0; t < tile; ++t) sums[c][t] += h[t] * bent;
        }
    }
    for (size_t t = 0; t < tile; ++t) {
        Vec<T> total = sums[0][t];
        for (size_t c = 1; c < chains; ++c) total += sums[c][t];
        store<T>(out + (first + t) * components.columns + at, total);
    }
}

// Curve the first components of `size`, a multiple of four, and return how many.
template <class T, size_t tile = most_curved>
size_t curve_some(Matrix<const T> components, CountRow<T> row, const T* bends, size_t first,
                  size_t size, size_t at, T* out) {
    if (size < tile) {
        if constexpr (tile > 4)
            return curve_some<T, tile - 4>(components, row, bends, first, size, at, out);
    }
    curve<T, tile>(components, row, bends, first, at, out);
    return tile;
}

// The Hessian of a row: entries (t, u) with u <= t, in the rows of a square.
template <class T>
void hessian(Matrix<const T> components, size_t k, CountRow<T> row, const T* bends, T* square) {
    const size_t end = round_up(k, 4);
    for (size_t at = 0; at < k; at += lanes<T>)
        for (size_t t = at / 4 * 4; t < end;)
            t += curve_some<T>(components, row, bends, t, end - t, at, square);
}

constexpr size_t packed_size(size_t k) { return k * (k + 1) / 2; }

COFACTOR_INLINE float root(float x) { return __builtin_sqrtf(x); }
COFACTOR_INLINE double root(double x) { return __builtin_sqrt(x); }

// The quadratic programs of a block of rows; lanes are rows, and arrays are [component][row].
template <class T>
class NewtonPrograms {
public:
    explicit NewtonPrograms(size_t k)
        : k_(k),
          code(k * newton_rows),
          explained(k * newton_rows),
          price(k * newton_rows),
          solved(k * newton_rows),
          product_(k * newton_rows),
          scale_(k * newton_rows),
          start_(k * lanes<T>),
          slope_(k * lanes<T>),
          least_(k * lanes<T>),
          step_(k * lanes<T>),
          moved_(k * lanes<T>),
          square_(k * k * lanes<T>) {}

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
            for (size_t sweep = 0; sweep < sweeps; ++sweep)
                for (size_t t = 0; t < k_; ++t) descend(t);
            for (size_t t = 0; t < k_; ++t)
                store<T>(solved + t * newton_rows + lane,
                         (load(start_ + t * lanes<T>) + load(moved_ + t * lanes<T>)) /
                             load(scale_ + t * newton_rows + lane));
        }
    }

private:
    const size_t k_;

public:
    const Scratch<T> code, explained, price, solved;

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
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            const Vec<T> ratio =
                positive<T>(load(explained + at)) / positive<T>(load(product_ + at));
            const Vec<T> high = at_least(ratio, splat(1 / range));
            store<T>(scale_ + at, high < range ? high : splat(range));
            for (size_t i = 0; i < lanes<T>; ++i)
                scale_[at + i] = fresh >> i & 1 ? T{1} : root(scale_[at + i]);
        }
    }

    // Gradients, and diagonals of at least explained^2 / counts, as Cauchy-Schwarz says they are.
    void begin(const T* packed, size_t lane, const PoissonModel<T>& model) {
        Vec<T> counts = splat(least_fitted<T>);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            counts += load(code + at) * load(explained + at);
        }
        const T l2 = static_cast<T>(model.l2), floor = static_cast<T>(model.floor);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane, here = t * lanes<T>;
            const Vec<T> s = load(scale_ + at), z = load(code + at), own = load(explained + at);
            for (size_t u = 0; u < t; ++u, packed += newton_rows) {
                const Vec<T> entry = load(packed);
                store<T>(square_ + (t * k_ + u) * lanes<T>, entry);
                store<T>(square_ + (u * k_ + t) * lanes<T>, entry);
            }
            const Vec<T> scaled = own / s;
            const Vec<T> bend =
                at_least(load(packed), scaled * scaled / counts) + l2 / (s * s);
            packed += newton_rows;
            store<T>(square_ + (t * k_ + t) * lanes<T>, bend);
            store<T>(step_ + here, T{1} / at_least(bend, splat(least_fitted<T>)));
            store<T>(slope_ + here, (load(price + at) + l2 * z - own) / s);
            store<T>(start_ + here, s * z);
            store<T>(least_ + here, s * at_least(z * static_cast<T>(newton_part), splat(floor)));
            store<T>(moved_ + here, Vec<T>{});
        }
    }

    // Move one code to its minimum. What moved last comes last, so that the rest need not wait.
    COFACTOR_INLINE void descend(size_t t) {
        const T* const row = square_ + t * k_ * lanes<T>;
        Vec<T> slope = load(slope_ + t * lanes<T>), above{};
        for (size_t u = t; u < k_; ++u) above += load(row + u * lanes<T>) * moved(u);
        for (size_t u = 0; u + 1 < t; ++u) slope += load(row + u * lanes<T>) * moved(u);
        slope += above;
        if (t) slope += load(row + (t - 1) * lanes<T>) * moved(t - 1);
        const Vec<T> start = load(start_ + t * lanes<T>);
        const Vec<T> target = start + moved(t) - slope * load(step_ + t * lanes<T>);
        store<T>(moved_ + t * lanes<T>, at_least(target, load(least_ + t * lanes<T>)) - start);
    }

    COFACTOR_INLINE Vec<T> moved(size_t u) const { return load(moved_ + u * lanes<T>); }

    const Scratch<T> product_, scale_, start_, slope_, least_, step_, moved_, square_;
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
            for (size_t t = 0; t < model_.k; ++t) codes_[t] = programs_.solved[t * newton_rows + l];
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
