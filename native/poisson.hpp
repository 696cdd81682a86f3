// Sparse Poisson rows: nonnegative codes of one row of counts under fixed components.
//
// The components under a row's nonzeros are gathered into a panel in which the lanes are
// nonzeros, and the row is swept there several times before it is left.
#pragma once

#include "elementary.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

// A Newton step leaves a code at least this part of itself. A sweep then divides no fitted value
// by more than ten, and updating the fitted values costs one digit at most.
constexpr double least_part = 0.1;

// Stands in for a zero that would divide zero.
constexpr double least_divisor = 1e-300;

// A fitted value below this explains no count: its reciprocal has no room to work in.
template <class T>
constexpr T least_fitted = sizeof(T) == sizeof(float) ? 1e-30 : 1e-300;

// From one component of a panel to the next: an odd number of cache lines, so that components do
// not compete for the same places in the cache.
template <class T>
constexpr size_t panel_stride(size_t size) {
    constexpr size_t line = 64 / sizeof(T);
    return ((size + line - 1) / line | 1) * line;
}

template <class T>
class PoissonRow {
public:
    PoissonRow(PoissonModel<T> model, size_t longest)
        : model_(model),
          k_(model.columns.columns),
          panel_(panel_stride<T>(longest) * k_),
          counts_(panel_stride<T>(longest)),
          fitted_(panel_stride<T>(longest)),
          zeros_(round_up(k_, lanes<T>)),
          saved_(k_) {
        __builtin_memset(zeros_, 0, k_ * sizeof(T));
    }

    // Start on a row; false if it has no counts.
    template <class I>
    bool open(const I* columns, const T* counts, size_t size) {
        size_ = round_up(size, lanes<T>);
        stride_ = panel_stride<T>(size);
        __builtin_memcpy(counts_, counts, size * sizeof(T));
        for (size_t p = size; p < size_; ++p) counts_[p] = 0;
        bool counted = false;
        for (size_t p = 0; p < size; ++p) counted |= counts[p] > 0;
        if (counted) gather(columns, size);
        return counted;
    }

    // Lift codes that cannot explain a count, and return the loss.
    double lift(T* z) {
        const double loss = evaluate(z);
        if (loss < infinity<double>) return loss;
        for (size_t c = 0; c < k_; ++c) z[c] = larger(z[c], static_cast<T>(model_.floor));
        return evaluate(z);
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

    // One majorize-minimize step and its loss. Needs the fitted values of z.
    double multiply(T* z) {
        for (size_t p = 0; p < size_; p += lanes<T>)
            store<T>(fitted_ + p, load(counts_ + p) / positive(load(fitted_ + p)));
        for (size_t c = 0; c < k_; ++c) z[c] = multiplied(z[c], c);
        return evaluate(z);
    }

private:
    // A change of a code that the fitted values do not show yet.
    struct Pending {
        const T* component;
        T change;
    };

    COFACTOR_INLINE static Vec<T> positive(Vec<T> fitted) {
        return at_least(fitted, splat(least_fitted<T>));
    }

    const T* component(size_t c) const { return panel_ + c * stride_; }

    template <class I>
    void gather(const I* columns, size_t size) {
        size_t p = 0;
        for (; p + 4 <= size; p += 4) {
            const T* const four[] = {column(columns[p]), column(columns[p + 1]),
                                     column(columns[p + 2]), column(columns[p + 3])};
            transpose_four(ShiftedRows<T>{four, zeros_}, k_, panel_ + p, stride_);
        }
        for (; p < size; ++p) scatter(column(columns[p]), p);
        for (; p < size_; ++p) scatter(zeros_, p);
    }

    COFACTOR_INLINE const T* column(size_t j) const { return model_.columns.data + j * k_; }

    COFACTOR_INLINE void scatter(const T* values, size_t p) {
        for (size_t c = 0; c < k_; ++c) panel_[c * stride_ + p] = values[c];
    }

    void fit(const T* z) {
        for (size_t p = 0; p < size_; p += lanes<T>) {
            Vec<T> fitted{};
            for (size_t c = 0; c < k_; ++c) fitted += z[c] * load(component(c) + p);
            store<T>(fitted_ + p, fitted);
        }
    }

    // Fit the row and return its loss.
    double evaluate(const T* z) {
        fit(z);
        double penalty = 0;
        for (size_t c = 0; c < k_; ++c) {
            const double code = z[c];
            penalty += (model_.totals[c] + model_.l1 + 0.5 * model_.l2 * code) * code;
        }
        return penalty - log_likelihood();
    }

    // Sum of x log(fitted); -inf if a count cannot be explained.
    double log_likelihood() const {
        double part[lanes<T>] = {};
        Int<T> unexplained{};
        for (size_t p = 0; p < size_; p += lanes<T>) {
            const Vec<T> x = load(counts_ + p), fitted = load(fitted_ + p);
            unexplained |= (x > 0) & (fitted < least_fitted<T>);
            const Vec<T> nats = x * log_positive<T>(positive(fitted));
            for (size_t i = 0; i < lanes<T>; ++i) part[i] += static_cast<double>(nats[i]);
        }
        if (any<T>(unexplained)) return -infinity<double>;
        return sum_of(lanes<T>, [&part](size_t i) { return part[i]; });
    }

    // Show the pending change, take the derivatives along component c and move its code.
    COFACTOR_INLINE Pending newton_step(T& code, size_t c, Pending moved) {
        const T* const h = component(c);
        Vec<T> gained{}, curved{};
        for (size_t p = 0; p < size_; p += lanes<T>) {
            const Vec<T> fitted = load(fitted_ + p) + moved.change * load(moved.component + p);
            store<T>(fitted_ + p, fitted);
            const Vec<T> ratio = load(h + p) / positive(fitted);
            const Vec<T> gain = load(counts_ + p) * ratio;
            gained += gain;
            curved += gain * ratio;
        }
        const double slope = model_.totals[c] + model_.l1 + model_.l2 * code - sum<T>(gained);
        const double curvature = larger(sum<T>(curved) + model_.l2, least_divisor);
        const double limit = larger(model_.floor, least_part * code);
        const T old = code;
        code = static_cast<T>(larger(code - slope / curvature, limit));
        return {h, code - old};
    }

    // The root of l2 u^2 + price u = explained, in the form that needs no l2 > 0. Needs the
    // counts divided by the fitted values in place of the latter.
    T multiplied(T code, size_t c) const {
        Vec<T> gained{};
        for (size_t p = 0; p < size_; p += lanes<T>)
            gained += load(fitted_ + p) * load(component(c) + p);
        const double explained = code * sum<T>(gained);
        const double price = model_.totals[c] + model_.l1;
        const double root = __builtin_sqrt(price * price + 4 * model_.l2 * explained);
        return static_cast<T>(2 * explained / larger(price + root, least_divisor));
    }

    const PoissonModel<T> model_;
    const size_t k_;
    const Scratch<T> panel_, counts_, fitted_, zeros_, saved_;
    size_t size_ = 0;    // of the row at hand, padded to whole vectors
    size_t stride_ = 0;  // of its panel
};

template <class T, class I>
size_t longest_row(Csr<T, I> X) {
    I longest = 0;
    for (size_t n = 0; n < X.rows; ++n) longest = larger(longest, X.indptr[n + 1] - X.indptr[n]);
    return static_cast<size_t>(longest);
}

// Give every row that has counts to `update(row, codes)`, which returns the loss.
template <class T, class I, class Update>
COFACTOR_INLINE void update_rows(Csr<T, I> X, PoissonModel<T> model, T* codes, double* loss,
                                 Update update) {
    const size_t k = model.columns.columns;
    PoissonRow<T> row(model, longest_row(X));
    for (size_t n = 0; n < X.rows; ++n) {
        T* const z = codes + n * k;
        const size_t begin = static_cast<size_t>(X.indptr[n]);
        const size_t size = static_cast<size_t>(X.indptr[n + 1]) - begin;
        if (row.open(X.indices + begin, X.data + begin, size)) {
            loss[n] = update(row, z);
        } else {
            __builtin_memset(z, 0, k * sizeof(T));
            loss[n] = 0;
        }
    }
}

template <class T, class I>
void poisson_codes_csr(Csr<T, I> X, PoissonModel<T> model, T* codes, size_t sweeps, double* loss) {
    update_rows(X, model, codes, loss, [sweeps](PoissonRow<T>& row, T* z) {
        const double before = row.lift(z);
        return row.descend(z, sweeps, before);
    });
}

template <class T, class I>
void poisson_multiplicative_csr(Csr<T, I> X, PoissonModel<T> model, T* codes, double* loss) {
    update_rows(X, model, codes, loss, [](PoissonRow<T>& row, T* z) {
        row.lift(z);
        return row.multiply(z);
    });
}

}  // namespace cofactor::COFACTOR_ISA
