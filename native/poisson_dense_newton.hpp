// Nonnegative Newton steps of dense Poisson rows, some blocks of sixteen at a time.
//
// The steps are those of `poisson_newton.hpp`. What needs another pass, new Hessians and looks at
// losses, is done for all rows of these blocks that need it, side by side.
#pragma once

#include "poisson_dense_hessians.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t newton_span = 16 * newton_rows;  // rows whose passes are shared

// Some of these rows, by their places.
struct RowSet {
    std::uint8_t rows[newton_span];
    size_t size = 0;

    void add(size_t l) { rows[size++] = static_cast<std::uint8_t>(l); }
};

template <class T>
class DenseNewton {
public:
    DenseNewton(Matrix<const T> X, const PoissonModel<T>& model, PoissonNewton<T> newton,
                PoissonCodes<T> out)
        : X_(X),
          model_(model),
          newton_(newton),
          out_(out),
          width_(round_up(model.k, 4)),
          packed_(packed_size(model.k) * newton_rows),
          space_(model),
          hessians_(model.k),
          programs_(model.k),
          starts_(newton_span * width_),
          explained_(newton_span * width_),
          solved_(newton_span * width_) {
        __builtin_memset(programs_.price, 0, model.k * newton_rows * sizeof(T));
    }

    void improve(size_t first, size_t last) {
        first_ = first;
        size_ = smaller(newton_span, last - first);
        pass();
        renew(stale());
        RowSet failed = step(open_);
        const RowSet again = those(failed, [this](size_t l) { return !fresh_[l]; });
        if (again.size) {
            failed = those(failed, [this](size_t l) { return fresh_[l]; });
            renew(again);
            for_each(step(again), [&failed](size_t l) { failed.add(l); });
        }
        if (failed.size) retreat(failed);
    }

private:
    // Losses and derivatives of all rows; rows without counts are done.
    void pass() {
        open_.size = 0;
        const size_t all = newton_span * width_ * sizeof(T);
        __builtin_memset(starts_, 0, all);
        __builtin_memset(explained_, 0, all);
        __builtin_memset(fresh_, 0, sizeof fresh_);
        const auto in_turn = [this](size_t i) { return first_ + i; };
        for_some_rows(X_, model_, space_, size_, in_turn, [this](const auto& rows) {
            rows.explain_lifted([this](size_t n) { return begun(n); }, out_.before || out_.loss);
            rows.put(space_.found.explained, [this](size_t n) { return explained(n); });
            rows.for_each_row([&](size_t l, size_t n) {
                before_[n - first_] = rows.loss(l, begun(n));
                take(n, rows.counted(l));
            });
        });
    }

    void take(size_t n, bool counted) {
        const size_t bytes = model_.k * sizeof(T);
        if (counted) {
            open_.add(n - first_);
            __builtin_memcpy(start(n), begun(n), bytes);
        } else {
            __builtin_memset(explained(n), 0, bytes);
            settle(n, begun(n), before_[n - first_]);
        }
        if (out_.before) out_.before[n] = before_[n - first_];
    }

    // Open the programs of a block.
    unsigned open(size_t block) {
        const size_t n = first_ + block * newton_rows;
        programs_.open(start(n), explained(n), width_);
        for (size_t l = 0; l < newton_rows && n + l < X_.rows; ++l) {
            const double* const totals = totals_of(model_, n + l);
            for (size_t c = 0; c < model_.k; ++c)
                programs_.price[c * newton_rows + l] = static_cast<T>(totals[c] + model_.l1);
        }
        return programs_.stale(hessians(block), newton_.tolerance);
    }

    // Rows whose Hessians explain too little.
    RowSet stale() {
        unsigned found[newton_span / newton_rows];
        for (size_t b = 0; b * newton_rows < size_; ++b) found[b] = open(b);
        return those(open_, [&](size_t l) { return found[l / newton_rows] >> l % newton_rows & 1; });
    }

    void renew(const RowSet& rows) {
        pass_some(rows, [this](size_t n) { return start(n); }, [&](const auto& some) {
            hessians_.renew(some, newton_.hessians);
        });
        for_each(rows, [this](size_t l) { fresh_[l] = true; });
    }

    // Solve programs, and take the solutions of `rows`; return those that would lose more.
    RowSet step(const RowSet& rows) {
        bool wanted[newton_span] = {};
        for_each(rows, [&wanted](size_t l) { wanted[l] = true; });
        for (size_t b = 0; b * newton_rows < size_; ++b) {
            unsigned any = 0, fresh = 0;
            for (size_t l = 0; l < newton_rows; ++l) {
                any |= wanted[b * newton_rows + l];
                fresh |= static_cast<unsigned>(fresh_[b * newton_rows + l]) << l;
            }
            if (!any) continue;
            open(b);
            programs_.solve(hessians(b), fresh, model_, newton_.sweeps);
            programs_.close(solved(first_ + b * newton_rows), width_);
        }
        return taken(rows);
    }

    // Take the solutions of rows, but those that are looked at and lose more than before.
    RowSet taken(const RowSet& rows) {
        const bool looking = out_.loss;
        const RowSet doubted =
            those(rows, [&](size_t l) { return looking || this->doubted(first_ + l); });
        bool left[newton_span] = {};
        for_each(doubted, [&left](size_t l) { left[l] = true; });
        for_each(rows, [&](size_t l) {
            if (!left[l]) settle(first_ + l, solved(first_ + l), 0);
        });
        return looked_at(doubted);
    }

    // Whether a row moves too far for what is known of it.
    bool doubted(size_t n) const {
        if (fresh_[n - first_] || !out_.before) return false;
        return moves_beyond(newton_.trust, start(n), solved(n), explained(n), model_.k);
    }

    // Take solutions that lose no more than before; return the others.
    RowSet looked_at(const RowSet& rows) {
        RowSet failed;
        pass_some(rows, [this](size_t n) { return solved(n); }, [&](const auto& some) {
            some.judge();
            some.for_each_row([&](size_t l, size_t n) {
                const double after = some.loss(l, solved(n));
                if (after <= before_[n - first_])
                    settle(n, solved(n), after);
                else
                    failed.add(n - first_);
            });
        });
        return failed;
    }

    // Multiplicative steps; where rounding makes even these a rise, none.
    void retreat(const RowSet& rows) {
        pass_some(rows, [this](size_t n) { return start(n); }, [&](const auto& some) {
            some.explain(false);
            some.multiply();
            some.put(space_.codes, [this](size_t n) { return solved(n); });
        });
        for_each(looked_at(rows), [this](size_t l) {
            settle(first_ + l, start(first_ + l), before_[l]);
        });
    }

    void settle(size_t n, const T* z, double loss) {
        __builtin_memcpy(out_.codes + n * model_.k, z, model_.k * sizeof(T));
        if (out_.loss) out_.loss[n] = loss;
    }

    // Give some rows at a time to `use`, at the codes that row n has at `of(n)`.
    template <class Of, class Use>
    void pass_some(const RowSet& rows, Of of, Use use) {
        const auto row = [&](size_t i) { return first_ + rows.rows[i]; };
        for_some_rows(X_, model_, space_, rows.size, row, [&](const auto& some) {
            some.begin_at(of);
            use(some);
        });
    }

    template <class Which>
    static RowSet those(const RowSet& rows, Which which) {
        RowSet chosen;
        for_each(rows, [&](size_t l) {
            if (which(l)) chosen.add(l);
        });
        return chosen;
    }

    template <class Use>
    static void for_each(const RowSet& rows, Use use) {
        for (size_t i = 0; i < rows.size; ++i) use(rows.rows[i]);
    }

    T* hessians(size_t block) const {
        return newton_.hessians + (first_ / newton_rows + block) * packed_;
    }
    T* begun(size_t n) const { return out_.start + n * model_.k; }
    T* start(size_t n) const { return starts_ + (n - first_) * width_; }
    T* explained(size_t n) const { return explained_ + (n - first_) * width_; }
    T* solved(size_t n) const { return solved_ + (n - first_) * width_; }

    const Matrix<const T> X_;
    const PoissonModel<T>& model_;
    const PoissonNewton<T> newton_;
    const PoissonCodes<T> out_;
    const size_t width_, packed_;  // of a row's components, padded; of a block's Hessians
    DenseSpace<T> space_;
    const DenseHessians<T> hessians_;
    NewtonPrograms<T> programs_;
    const Scratch<T> starts_, explained_, solved_;
    double before_[newton_span];
    bool fresh_[newton_span];
    RowSet open_;  // that have counts
    size_t first_ = 0, size_ = 0;
};

template <class T>
void poisson_newton(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model,
                    PoissonNewton<T> newton, PoissonCodes<T> out) {
    constexpr size_t block = newton_span / 2;  // rows that share passes for new Hessians, at least
    DenseNewton<T> rows(X, model, newton, out);
    share_rows(board, X, block, model.k, out, [&](size_t first, size_t last) {
        for (size_t n = first; n < last; n += newton_span) rows.improve(n, last);
    });
}

}  // namespace cofactor::COFACTOR_ISA
