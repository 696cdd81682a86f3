// Poisson rows sixteen at a time, by nonnegative Newton steps whose Hessians are used again.
//
// Passes over the rows find the derivatives; then lanes are rows, and all of them solve their own
// small quadratic programs by the same cyclic sweeps. A Hessian is kept with its rows and renewed
// only where it does not explain what an exact one would: A z = sums of rates times components.
#pragma once

#include "poisson.hpp"
#include "poisson_programs.hpp"

namespace cofactor::COFACTOR_ISA {

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

// A block of rows: passes, programs, and codes that never lose more than they did. Where nobody
// asks for losses, nobody looks at them: whatever the programs say is taken.
template <class T, class Counts>
class NewtonBlock {
public:
    NewtonBlock(const Counts& X, const PoissonModel<T>& model, PoissonNewton<T> newton,
                PoissonCodes<T> out)
        : X_(X),
          model_(model),
          newton_(newton),
          out_(out),
          width_(model.columns.columns),
          shelf_(X, newton_rows),
          bends_(shelf_.size()),
          square_(width_ * width_),
          starts_(newton_rows * width_),
          explained_(newton_rows * width_),
          solved_(newton_rows * width_),
          programs_(model.k) {
        __builtin_memset(solved_, 0, newton_rows * width_ * sizeof(T));
        for (size_t l = 0; l < newton_rows; ++l) price(l, 0);
    }

    void improve(size_t block) {
        first_ = block * newton_rows;
        size_ = smaller(newton_rows, X_.rows() - first_);
        hessians_ = newton_.hessians + block * packed_size(model_.k) * newton_rows;
        pass();
        programs_.open(starts_, explained_, width_);
        const unsigned fresh = programs_.stale(hessians_, newton_.tolerance) & open_;
        renew(fresh);
        unsigned failed = step(fresh, open_);
        if (const unsigned again = failed & ~fresh) {
            renew(again);
            failed = (failed & fresh) | step(fresh | again, again);
        }
        for (size_t l = 0; l < size_; ++l)
            if (failed >> l & 1) retreat(l);
    }

private:
    // Losses and derivatives of all rows; rows without counts are done.
    void pass() {
        open_ = 0;
        __builtin_memset(starts_, 0, newton_rows * width_ * sizeof(T));
        __builtin_memset(explained_, 0, newton_rows * width_ * sizeof(T));
        size_t place = 0;
        for (size_t l = 0; l < size_; ++l) {
            rows_[l] = shelf_.take(X_, model_.weights, first_ + l, place);
            bent_[l] = bends_ + place;
            place += rows_[l].size;
            if (counted(rows_[l])) {
                open_ |= 1u << l;
                explain_row(l);
            } else {
                settle(l, start(l), 0);
            }
        }
    }

    void explain_row(size_t l) {
        __builtin_memcpy(start(l), codes(l), model_.k * sizeof(T));
        const Passed<T> found{explained(l), bent_[l]};
        before_[l] = lifted(model_, start(l), [&] {
            return out_.loss ? explain(model_, first_ + l, rows_[l], start(l), found)
                             : explain_alone(model_, rows_[l], start(l), found);
        });
        if (model_.totals.rows > 1) price(l, first_ + l);
    }

    void price(size_t l, size_t n) {
        const double* const totals = totals_of(model_, n);
        for (size_t t = 0; t < model_.k; ++t)
            programs_.price[t * newton_rows + l] = static_cast<T>(totals[t] + model_.l1);
    }

    void renew(unsigned rows) {
        for (size_t l = 0; l < size_; ++l) {
            if (!(rows >> l & 1)) continue;
            hessian<T>(model_.columns, model_.k, rows_[l], bent_[l], square_);
            T* to = hessians_ + l;
            for (size_t t = 0; t < model_.k; ++t)
                for (size_t u = 0; u <= t; ++u, to += newton_rows) *to = square_[t * width_ + u];
        }
    }

    // Solve the programs, and take the solutions of `rows`; return those that would lose more.
    unsigned step(unsigned fresh, unsigned rows) {
        programs_.solve(hessians_, fresh, model_, newton_.sweeps);
        programs_.close(solved_, width_);
        unsigned failed = 0;
        for (size_t l = 0; l < size_; ++l)
            if (rows >> l & 1 && !taken(l, solved(l))) failed |= 1u << l;
        return failed;
    }

    // Take codes, unless they are looked at and lose more than those before.
    bool taken(size_t l, const T* z) {
        const double after = out_.loss ? row_loss(model_, first_ + l, rows_[l], z) : 0;
        if (out_.loss && !(after <= before_[l])) return false;
        settle(l, z, after);
        return true;
    }

    void settle(size_t l, const T* z, double loss) {
        __builtin_memcpy(codes(l), z, model_.k * sizeof(T));
        if (out_.loss) out_.loss[first_ + l] = loss;
    }

    // A multiplicative step; where rounding makes even that a rise, none.
    void retreat(size_t l) {
        __builtin_memcpy(solved(l), start(l), width_ * sizeof(T));
        multiply(model_, first_ + l, explained(l), solved(l));
        if (!taken(l, solved(l))) settle(l, start(l), before_[l]);
    }

    T* codes(size_t l) const { return out_.codes + (first_ + l) * model_.k; }
    T* start(size_t l) const { return starts_ + l * width_; }
    T* explained(size_t l) const { return explained_ + l * width_; }
    T* solved(size_t l) const { return solved_ + l * width_; }

    const Counts& X_;
    const PoissonModel<T>& model_;
    const PoissonNewton<T> newton_;
    const PoissonCodes<T> out_;
    const size_t width_;  // of a row's components, padded
    CountShelf<T> shelf_;
    const Scratch<T> bends_, square_;
    const Scratch<T> starts_, explained_, solved_;
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
