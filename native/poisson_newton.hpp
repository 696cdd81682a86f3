// Poisson rows sixteen at a time, by nonnegative Newton steps whose Hessians are used again.
//
// Passes over the rows find the derivatives; then lanes are rows, and all of them solve their own
// small quadratic programs by the same cyclic sweeps. A Hessian is kept with its rows and renewed
// only where it does not explain what an exact one would: A z = sums of rates times components.
#pragma once

#include "poisson.hpp"
#include "poisson_hessians.hpp"
#include "poisson_programs.hpp"
#include "poisson_stretches.hpp"

namespace cofactor::COFACTOR_ISA {

// A block of rows: passes, programs, and codes that never lose more than they did. Where nobody
// asks for losses of what is found, whatever the programs say is taken, but for rows whose losses
// before are known and that old Hessians move far: those are looked at. Rows that were passed
// together, stretch by stretch, are copied only if they are needed again.
template <class T, class I>
class NewtonBlock {
public:
    NewtonBlock(Csr<T, I> X, const PoissonModel<T>& model, PoissonNewton<T> newton,
                PoissonCodes<T> out)
        : X_{X},
          model_(model),
          newton_(newton),
          out_(out),
          width_(padded_width(model)),
          stretched_(X, model),
          shelf_(X_, newton_rows),
          bends_(shelf_.size()),
          squares_(4 * width_ * width_),
          hessian_(model, width_),
          space_(model),
          starts_(newton_rows * width_),
          explained_(newton_rows * width_),
          solved_(newton_rows * width_),
          programs_(model.k) {
        __builtin_memset(solved_, 0, newton_rows * width_ * sizeof(T));
        for (size_t l = 0; l < newton_rows; ++l) price(l, 0);
    }

    // How many rows are improved together, in whole blocks.
    size_t taken_at_once() const { return stretched_.many() ? stretched_.group() : newton_rows; }

    void improve(size_t first, size_t last) {
        for (size_t n = first; n < last; n += taken_at_once())
            improve_group(n, smaller(n + taken_at_once(), last));
    }

private:
    void improve_group(size_t first, size_t last) {
        if (stretched_.many()) pass_stretched(first, last);
        for (size_t n = first; n < last; n += newton_rows) improve_block(n / newton_rows);
    }

    void pass_stretched(size_t first, size_t last) {
        if (model_.log > 0)
            for (size_t n = first; n < last; ++n) lift(model_, out_.start + n * model_.k);
        stretched_.pass(first, last, out_.start, asked());
    }

    void improve_block(size_t block) {
        first_ = block * newton_rows;
        size_ = smaller(newton_rows, X_.rows() - first_);
        const size_t packed = packed_size(model_.k) * newton_rows;
        hessians_ = newton_.hessians + block * packed;
        fetch(hessians_, packed * sizeof(T));
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

    // Losses and derivatives of all rows; rows without counts are done.
    void pass() {
        open_ = copied_ = bent_rows_ = 0;
        room_ = 0;
        __builtin_memset(starts_, 0, newton_rows * width_ * sizeof(T));
        __builtin_memset(explained_, 0, newton_rows * width_ * sizeof(T));
        for (size_t l = 0; l < size_; ++l) {
            if (is_counted(l)) {
                open_ |= 1u << l;
                explain_row(l);
            } else {
                const double loss = settle_uncounted(model_, first_ + l, begun(l));
                if (out_.before) out_.before[first_ + l] = loss;
                settle(l, begun(l), loss);
            }
        }
    }

    bool is_counted(size_t l) {
        return stretched_.many() ? stretched_.counted(first_ + l) : counted(row(l));
    }

    bool asked() const { return out_.before || out_.loss; }

    void explain_row(size_t l) {
        bool passed = stretched_.many();
        before_[l] = lifted(model_, begun(l), start(l), [&] {
            const double loss = passed ? recall(l) : explain_copy(l, explained(l), asked());
            passed = false;
            return loss;
        });
        if (out_.before) out_.before[first_ + l] = before_[l];
        if (model_.totals.rows > 1) price(l, first_ + l);
    }

    // What was found of a row that is not copied, and its loss.
    double recall(size_t l) {
        const size_t n = first_ + l;
        __builtin_memcpy(explained(l), stretched_.explained(n), width_ * sizeof(T));
        const double nats = stretched_.nats(n);
        return asked() ? priced(model_, n, start(l)) - nats : -nats;
    }

    // Pass over a row's copy, which finds its bends, too; return its loss if that is asked for.
    double explain_copy(size_t l, T* to, bool asked) {
        const CountRow<T>& copy = row(l);
        bent_rows_ |= 1u << l;
        return found(model_, first_ + l, copy, start(l), {to, bent_[l]}, asked);
    }

    // A row's copy, which is made when it is first needed.
    const CountRow<T>& row(size_t l) {
        if (copied_ >> l & 1) return rows_[l];
        copied_ |= 1u << l;
        rows_[l] = shelf_.take(X_, model_.weights, first_ + l, room_);
        bent_[l] = bends_ + room_;
        room_ += rows_[l].size;
        return rows_[l];
    }

    void price(size_t l, size_t n) {
        space_.price(model_, n);
        for (size_t t = 0; t < model_.k; ++t)
            programs_.price[t * newton_rows + l] = space_.prices[t];
    }

    // Make new Hessians; those of four rows are packed together, in a quarter of the stores.
    void renew(unsigned rows) {
        for (size_t l = 0; l < size_; l += 4) {
            if ((rows >> l & 15) == 15) {
                for (size_t j = 0; j < 4; ++j) square(l + j, squares_ + j * width_ * width_);
                each_row(l, [this](size_t t, T* to) COFACTOR_INLINED {
                    const RowsInTurn<T> four{squares_ + t * width_, width_ * width_};
                    transpose_four(four, t + 1, to, newton_rows);
                });
            } else {
                for_each_bit(rows >> l & 15, [this, l](size_t j) { renew_one(l + j); });
            }
        }
    }

    void renew_one(size_t l) {
        square(l, squares_);
        each_row(l, [this](size_t t, T* to) COFACTOR_INLINED {
            for (size_t u = 0; u <= t; ++u) to[u * newton_rows] = squares_[t * width_ + u];
        });
    }

    void square(size_t l, T* to) {
        if (!(bent_rows_ >> l & 1)) explain_copy(l, space_.explained, false);
        hessian_.square(row(l), bent_[l], to);
    }

    // Call write(t, to) for every row of packed Hessians, from that of row l on.
    template <class Write>
    COFACTOR_INLINE void each_row(size_t l, Write write) {
        for (size_t t = 0; t < model_.k; ++t)
            write(t, hessians_ + packed_size(t) * newton_rows + l);
    }

    // Solve the programs, and take the solutions of `rows`; return those that would lose more.
    unsigned step(unsigned fresh, unsigned rows) {
        programs_.solve(hessians_, fresh, model_, newton_.sweeps);
        programs_.close(solved_, width_);
        unsigned failed = 0;
        for (size_t l = 0; l < size_; ++l)
            if (rows >> l & 1 && !taken(l, solved(l), out_.loss || doubted(l, fresh >> l & 1)))
                failed |= 1u << l;
        return failed;
    }

    // Whether a row moves too far for what is known of it.
    bool doubted(size_t l, bool fresh) const {
        if (fresh || !out_.before) return false;
        return moves_beyond(newton_.trust, start(l), solved(l), explained(l), model_.k);
    }

    // Take codes, unless they are looked at and lose more than those before.
    bool taken(size_t l, const T* z, bool looking) {
        const double after = looking ? row_loss(model_, first_ + l, row(l), z) : 0;
        if (looking && !(after <= before_[l])) return false;
        settle(l, z, after);
        return true;
    }

    void settle(size_t l, const T* z, double loss) {
        __builtin_memmove(codes(l), z, model_.k * sizeof(T));
        if (out_.loss) out_.loss[first_ + l] = loss;
    }

    // A multiplicative step; where rounding makes even that a rise, none.
    void retreat(size_t l) {
        __builtin_memcpy(solved(l), start(l), width_ * sizeof(T));
        if (model_.totals.rows > 1) space_.price(model_, first_ + l);
        multiply(space_, explained(l), solved(l));
        if (!taken(l, solved(l), true)) settle(l, start(l), before_[l]);
    }

    T* begun(size_t l) const { return out_.start + (first_ + l) * model_.k; }
    T* codes(size_t l) const { return out_.codes + (first_ + l) * model_.k; }
    T* start(size_t l) const { return starts_ + l * width_; }
    T* explained(size_t l) const { return explained_ + l * width_; }
    T* solved(size_t l) const { return solved_ + l * width_; }

    const SparseCounts<T, I> X_;
    const PoissonModel<T>& model_;
    const PoissonNewton<T> newton_;
    const PoissonCodes<T> out_;
    const size_t width_;  // of a row's components, padded
    StretchedPasses<T, I> stretched_;
    CountShelf<T> shelf_;
    const Scratch<T> bends_, squares_;
    const Hessians<T> hessian_;
    const RowSpace<T> space_;
    const Scratch<T> starts_, explained_, solved_;
    NewtonPrograms<T> programs_;
    CountRow<T> rows_[newton_rows];
    T* bent_[newton_rows];
    double before_[newton_rows];
    T* hessians_ = nullptr;
    size_t first_ = 0, size_ = 0;
    size_t room_ = 0;    // of the shelf, that is taken
    unsigned open_ = 0;  // rows that have counts
    unsigned copied_ = 0, bent_rows_ = 0;  // rows that have copies, and bends
};

template <class T, class I>
void poisson_newton_csr(std::int64_t* board, Csr<T, I> X, PoissonModel<T> given,
                        PoissonNewton<T> newton, PoissonCodes<T> out) {
    const LaidOut<T> laid(given);
    const PoissonModel<T>& model = laid;
    NewtonBlock<T, I> block(X, model, newton, out);
    share_rows(board, X, block.taken_at_once(), model.k, out,
               [&](size_t first, size_t last) { block.improve(first, last); });
}

}  // namespace cofactor::COFACTOR_ISA
