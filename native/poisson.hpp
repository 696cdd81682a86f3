// Poisson rows one by one: nonnegative codes of a row of counts under fixed components.
//
// A multiplicative step is one pass over the row. For coordinate steps the components under its
// nonzeros are gathered into a panel in which the lanes are nonzeros, and the row is swept there
// several times before it is left.
#pragma once

#include "count_pieces.hpp"
#include "poisson_row.hpp"
#include "stored_counts.hpp"

namespace cofactor::COFACTOR_ISA {

// A Newton step leaves a code at least this part of itself. A sweep then divides no fitted value
// by more than ten, and updating the fitted values costs one digit at most.
constexpr double least_part = 0.1;

// From one component of a panel to the next: an odd number of cache lines, so that components do
// not compete for the same places in the cache.
template <class T>
constexpr size_t panel_stride(size_t size) {
    constexpr size_t line = 64 / sizeof(T);
    return ((size + line - 1) / line | 1) * line;
}

template <class T>
COFACTOR_INLINE void lift(const PoissonModel<T>& model, T* z) {
    for (size_t c = 0; c < model.k; ++c) z[c] = larger(z[c], static_cast<T>(model.floor));
}

// Pass over a row at its codes; they are lifted where a prior allows no zeros, or where they cannot
// explain a count, and then passed again.
template <class T, class Pass>
COFACTOR_INLINE double lifted(const PoissonModel<T>& model, T* start, Pass pass) {
    if (model.log > 0) lift(model, start);
    const double loss = pass();
    if (loss < infinity<double>) return loss;
    lift(model, start);
    return pass();
}

template <class T>
class PoissonPanel {
public:
    PoissonPanel(const PoissonModel<T>& model, size_t longest)
        : model_(model),
          k_(model.k),
          panel_(panel_stride<T>(longest) * k_),
          fitted_(panel_stride<T>(longest)),
          zeros_(round_up(k_, lanes<T>)),
          saved_(k_) {
        __builtin_memset(zeros_, 0, k_ * sizeof(T));
    }

    void open(size_t n, CountRow<T> row) {
        n_ = n;
        row_ = row;
        totals_ = totals_of(model_, n);
        stride_ = panel_stride<T>(row.size);
        gather();
    }

    // Lift codes that cannot explain a count, and return the loss.
    double lift(T* z) {
        return lifted(model_, z, [&] { return evaluate(z); });
    }

    // Sweeps of coordinate Newton steps; codes that do not lower the loss are taken back for a
    // multiplicative step. Needs the fitted values of z and its loss.
    double descend(T* z, size_t sweeps, double before) {
        __builtin_memcpy(saved_, z, k_ * sizeof(T));
        Pending moved{panel_, T{0}};
        for (size_t sweep = 0; sweep < sweeps; ++sweep)
            for (size_t c = 0; c < k_; ++c) moved = newton_step(z[c], c, moved);
        const double after = evaluate(z);
        if (after < before) return after;
        __builtin_memcpy(z, saved_, k_ * sizeof(T));
        fit(z);
        return multiply(z);
    }

private:
    // A change of a code that the fitted values do not show yet.
    struct Pending {
        const T* component;
        T change;
    };

    const T* component(size_t c) const { return panel_ + c * stride_; }

    void gather() {
        const size_t whole = model_.columns.columns;
        for (size_t p = 0; p < row_.size; p += 4) {
            gather(model_.columns, p, smaller(k_, whole), panel_ + p);
            if (k_ > whole) gather(model_.rest, p, k_ - whole, panel_ + whole * stride_ + p);
        }
    }

    // The first numbers of four rows, as columns of the panel.
    COFACTOR_INLINE void gather(Matrix<const T> components, size_t p, size_t count, T* to) {
        const Place* const places = row_.places + p;
        const T* four[4];
        for (size_t i = 0; i < 4; ++i)
            four[i] = at_place(components.data, places[i], components.columns);
        transpose_four(ShiftedRows<T>{four, zeros_}, count, to, stride_);
    }

    void fit(const T* z) {
        for (size_t p = 0; p < row_.size; p += lanes<T>) {
            Vec<T> fitted = load(row_.offsets + p);
            for (size_t c = 0; c < k_; ++c) fitted += z[c] * load(component(c) + p);
            store<T>(fitted_ + p, fitted);
        }
    }

    // Fit the row and return its loss.
    double evaluate(const T* z) {
        fit(z);
        LogLikelihood<T> likelihood;
        for (size_t p = 0; p < row_.size; p += lanes<T>)
            weigh<T>(load(row_.counts + p), load(fitted_ + p), likelihood);
        return priced(model_, n_, z) - likelihood.value();
    }

    // One majorize-minimize step and its loss. Needs the fitted values of z.
    double multiply(T* z) {
        for (size_t p = 0; p < row_.size; p += lanes<T>)
            store<T>(fitted_ + p, load(row_.counts + p) / positive<T>(load(fitted_ + p)));
        for (size_t c = 0; c < k_; ++c) {
            Vec<T> gained{};
            for (size_t p = 0; p < row_.size; p += lanes<T>)
                gained += load(fitted_ + p) * load(component(c) + p);
            const double pull = static_cast<double>(z[c]) * sum<T>(gained) + model_.log;
            z[c] = static_cast<T>(majorizer_minimum(pull, totals_[c] + model_.l1, model_.l2));
        }
        return evaluate(z);
    }

    // Show the pending change, take the derivatives along component c and move its code.
    COFACTOR_INLINE Pending newton_step(T& code, size_t c, Pending moved) {
        const T* const h = component(c);
        Vec<T> gained{}, curved{};
        for (size_t p = 0; p < row_.size; p += lanes<T>) {
            const Vec<T> fitted = load(fitted_ + p) + moved.change * load(moved.component + p);
            store<T>(fitted_ + p, fitted);
            const Vec<T> ratio = load(h + p) / positive<T>(fitted);
            const Vec<T> gain = load(row_.counts + p) * ratio;
            gained += gain;
            curved += gain * ratio;
        }
        const double slope = totals_[c] + model_.l1 + model_.l2 * code - sum<T>(gained);
        const double curvature = larger(sum<T>(curved) + model_.l2, least_divisor);
        const double limit = larger(model_.floor, least_part * code);
        const T old = code;
        const double target = model_.log > 0
                                  ? held_up_minimum(code, slope, curvature, model_.log)
                                  : code - slope / curvature;
        code = static_cast<T>(larger(target, limit));
        return {h, code - old};
    }

    const PoissonModel<T> model_;
    const size_t k_;
    const Scratch<T> panel_, fitted_, zeros_, saved_;
    CountRow<T> row_{};
    size_t n_ = 0;
    const double* totals_ = nullptr;
    size_t stride_ = 0;
};

// Losses of a row at its start and at the codes found.
struct RowLosses {
    double before, after;
};

// Give every row of a piece that has counts to `update(n, row, start, codes)`, which returns its
// losses.
template <class T, class Rows, class Update>
COFACTOR_INLINE void update_rows(Rows& X, size_t first, size_t last, const PoissonModel<T>& model,
                                 PoissonCodes<T> out, Update update) {
    for (size_t n = first; n < last; ++n) {
        T *const start = out.start + n * model.k, *const z = out.codes + n * model.k;
        const auto row = X.open(n);
        RowLosses losses{};
        if (counted(row)) {
            losses = update(n, row, start, z);
        } else {
            losses.before = losses.after = settle_uncounted(model, n, z);
            __builtin_memmove(start, z, model.k * sizeof(T));
        }
        if (out.before) out.before[n] = losses.before;
        if (out.loss) out.loss[n] = losses.after;
    }
}

template <class T, class Counts>
void coordinate_rows(std::int64_t* board, const Counts& X, const PoissonModel<T>& given,
                     size_t sweeps, PoissonCodes<T> out) {
    const LaidOut<T> laid(given);
    const PoissonModel<T>& model = laid;
    PoissonPanel<T> panel(model, X.longest());
    CopiedRows<T, Counts> rows(X, model.weights);
    const auto descend = [&](size_t n, CountRow<T> row, T* start, T* z) {
        panel.open(n, row);
        const double before = panel.lift(start);
        __builtin_memmove(z, start, model.k * sizeof(T));
        return RowLosses{before, panel.descend(z, sweeps, before)};
    };
    share_rows(board, X.X, 1, model.k, out, [&](size_t first, size_t last) {
        update_rows(rows, first, last, model, out, descend);
    });
}

// What a pass over a row finds, and what a unit of each code costs.
template <class T>
struct RowSpace {
    explicit RowSpace(const PoissonModel<T>& model) : RowSpace(model, padded_width(model)) {}

    RowSpace(const PoissonModel<T>& model, size_t width)
        : l2(static_cast<T>(model.l2)),
          log(static_cast<T>(model.log)),
          width(width),
          explained(width),
          prices(width) {
        for (size_t c = 0; c < width; ++c) explained[c] = 0, prices[c] = 1;
    }

    COFACTOR_INLINE void price(const PoissonModel<T>& model, size_t n) const {
        const double* const totals = totals_of(model, n);
        for (size_t c = 0; c < model.k; ++c) prices[c] = static_cast<T>(totals[c] + model.l1);
    }

    const T l2, log;
    const size_t width;
    const Scratch<T> explained, prices;
};

// The same, with a padded copy of the codes for each pass.
template <class T, class Pass>
COFACTOR_INLINE double lifted(const PoissonModel<T>& model, T* start, T* z, Pass pass) {
    return lifted(model, start, [&] {
        for (size_t c = 0; c < model.k; c += lanes<T>)
            store<T>(z + c, load_some(start + c, model.k - c));
        return pass();
    });
}

// What a pass at codes finds, and the loss there if it is asked for.
template <class T, class Row, class Found = Passed<T>>
COFACTOR_INLINE double found(const PoissonModel<T>& model, size_t n, const Row& row, const T* z,
                             Found out, bool asked) {
    return asked ? explain(model, n, row, z, out) : explain_alone(model, row, z, out);
}

// The minimum of the majorizer: with penalties the root of l2 u^2 + price u = z explained + log.
template <class T>
COFACTOR_INLINE Vec<T> multiplied(const RowSpace<T>& space, const T* explained, size_t c,
                                  Vec<T> code) {
    const Vec<T> own = load(explained + c), price = load(space.prices + c);
    if (space.l2 > 0 || space.log > 0) {
        const Vec<T> pull = code * own + space.log;
        const Vec<T> root = roots<T>(price * price + 4 * space.l2 * pull);
        return pull / positive<T>((price + root) / T{2});
    }
    return code * (own / positive<T>(price));
}

template <class T>
COFACTOR_INLINE void multiply(const RowSpace<T>& space, const T* explained, T* z) {
    for (size_t c = 0; c < space.width; c += lanes<T>)
        store<T>(z + c, multiplied(space, explained, c, load(z + c)));
}

// The same for codes that are not padded.
template <class T>
COFACTOR_INLINE void multiply(const RowSpace<T>& space, const T* explained, const T* start,
                              size_t k, T* z) {
    for (size_t c = 0; c < k; c += lanes<T>) {
        const Vec<T> code = load_some(start + c, k - c);
        store_some(z + c, multiplied(space, explained, c, code), k - c);
    }
}

template <class T, class Stored, class Rows>
void multiplicative_rows(std::int64_t* board, Stored X, Rows rows, const PoissonModel<T>& given,
                         PoissonCodes<T> out) {
    const LaidOut<T> laid(given);
    const PoissonModel<T>& model = laid;
    const RowSpace<T> space(model);
    const bool alike = model.totals.rows == 1;
    if (X.rows) space.price(model, 0);
    const auto step = [&](size_t n, const auto& row, T* start, T* z) {
        if (!alike) space.price(model, n);
        const double before = lifted(model, start, [&] {
            return found(model, n, row, start, Explained<T>{space.explained}, out.before);
        });
        multiply(space, static_cast<const T*>(space.explained), start, model.k, z);
        return RowLosses{before, out.loss ? row_loss(model, n, row, z) : 0.0};
    };
    share_rows(board, X, 1, model.k, out, [&](size_t first, size_t last) {
        update_rows(rows, first, last, model, out, step);
    });
}

template <class T, class I>
void poisson_multiplicative_csr(std::int64_t* board, Csr<T, I> X, const T* offsets,
                                PoissonModel<T> model, PoissonCodes<T> out) {
    if (model.weights || offsets)
        multiplicative_rows(board, X, CopiedRows(SparseCounts<T, I>{X, offsets}, model.weights),
                            model, out);
    else
        multiplicative_rows(board, X, StoredRows<T, Csr<T, I>>(X), model, out);
}

template <class T>
void poisson_multiplicative_brief(std::int64_t* board, BriefCsr X, PoissonModel<T> model,
                                  PoissonCodes<T> out) {
    multiplicative_rows(board, X, StoredRows<T, BriefCsr>(X), model, out);
}

// Sums of rates times components at some codes, row by row.
template <class T, class I>
void poisson_explained_csr(std::int64_t* board, Csr<T, I> X, const T* offsets,
                           PoissonModel<T> given, const T* codes, T* explained) {
    const LaidOut<T> laid(given);
    const PoissonModel<T>& model = laid;
    const size_t k = model.k;
    const RowSpace<T> space(model);
    CopiedRows<T, SparseCounts<T, I>> rows({X, offsets}, model.weights);
    share_rows(board, X, 1, [&](size_t first, size_t last) {
        for (size_t n = first; n < last; ++n) {
            const auto row = rows.open(n);
            T* const to = explained + n * k;
            if (!counted(row)) {
                __builtin_memset(to, 0, k * sizeof(T));
                continue;
            }
            explain_alone(model, row, codes + n * k, Explained<T>{space.explained});
            __builtin_memcpy(to, space.explained, k * sizeof(T));
        }
    });
}

template <class T>
void poisson_coordinate(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model,
                        size_t sweeps, PoissonCodes<T> out) {
    coordinate_rows(board, DenseCounts<T>{X}, model, sweeps, out);
}

template <class T, class I>
void poisson_coordinate_csr(std::int64_t* board, Csr<T, I> X, const T* offsets,
                            PoissonModel<T> model, size_t sweeps, PoissonCodes<T> out) {
    coordinate_rows(board, SparseCounts<T, I>{X, offsets}, model, sweeps, out);
}

}  // namespace cofactor::COFACTOR_ISA
