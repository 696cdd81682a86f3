// Poisson rows of dense counts, as many at a time as some vectors have lanes: no lists of nonzeros.
#pragma once

#include "poisson.hpp"
#include "poisson_panel.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
constexpr size_t most_panel_rows = most_panel_vectors<T> * lanes<T>;

// What belongs to rows that are passed together. Arrays are [component][row].
template <class T>
struct DenseSpace {
    explicit DenseSpace(const PoissonModel<T>& model)
        : counts(strip_size * most_panel_rows<T>),
          codes(even(model.k) * most_panel_rows<T>),
          in_turn(round_up(model.k, 4) * most_panel_rows<T>),
          found(model, even(model.k) * most_panel_rows<T>) {
        __builtin_memset(codes, 0, even(model.k) * most_panel_rows<T> * sizeof(T));
    }

    PanelSeen<T> seen() { return {most, unexplained, nats}; }

    const Scratch<T> counts, codes, in_turn;
    const RowSpace<T> found;  // as for one row with the codes of all
    T most[most_panel_rows<T>], unexplained[most_panel_rows<T>];
    double nats[most_panel_rows<T>];
};

// Some rows, lane by lane; the last one fills up the lanes that are left.
template <class T, size_t vectors>
class DenseRows {
public:
    static constexpr size_t rows = vectors * lanes<T>;

    // `row(i)` is the number of the i-th of `count` rows.
    template <class Row>
    DenseRows(Matrix<const T> X, const PoissonModel<T>& model, DenseSpace<T>& space, size_t count,
              Row row)
        : model_(model), space_(space), panel_(model, X.columns, space.counts), count_(count) {
        for (size_t l = 0; l < rows; ++l) {
            n_[l] = row(smaller(l, count - 1));
            x_[l] = X.data + n_[l] * X.columns;
        }
    }

    // Take codes of all rows, those of row n at `of(n)`.
    template <class Of>
    COFACTOR_INLINE void begin_at(Of of) const {
        constexpr size_t together = rows_together<T>;
        const T* z[rows];
        for (size_t l = 0; l < rows; ++l) z[l] = of(n_[l]);
        for (size_t l = 0; l < rows; l += together)
            transpose(RowsAnywhere<T>{z + l}, model_.k, space_.codes + l, rows);
    }

    // Find sums of rates times components, and the losses if they are asked for.
    void explain(bool judged) const {
        if (judged)
            explain<Nats<T>>();
        else
            explain<NoNats<T>>();
    }

    // Give quotients of rates by fitted values to `use`, strip by strip.
    template <class Use>
    COFACTOR_INLINE void bend(Use use) const {
        panel_.template visit<Bends, NoNats<T>>(x_, space_.codes, space_.seen(), use);
    }

    void judge() const {
        panel_.template visit<Rates, Nats<T>>(x_, space_.codes, space_.seen(),
                                              [](const T*, const T*, size_t) {});
    }

    // Pass over rows at the codes that row n has at `of(n)`, which are lifted where a prior allows
    // no zeros, or where they cannot explain a count, and then passed again.
    template <class Of>
    void explain_lifted(Of of, bool judged) const {
        if (model_.log > 0) for_each_row([&](size_t, size_t n) { lift(of(n)); });
        begin_at(of);
        explain(judged);
        bool lifted = false;
        for_each_row([&](size_t l, size_t n) {
            if (!(space_.unexplained[l] > 0)) return;
            lifted = true;
            lift(of(n));
        });
        if (!lifted) return;
        begin_at(of);
        explain(judged);
    }

    // Call use(lane, row) for every row.
    template <class Use>
    COFACTOR_INLINE void for_each_row(Use use) const {
        for (size_t l = 0; l < count_; ++l) use(l, n_[l]);
    }

    bool counted(size_t l) const { return space_.most[l] > 0; }

    // The loss at codes that were looked at; those of a row without counts are settled.
    double loss(size_t l, T* codes) const {
        if (!counted(l)) return settle_uncounted(model_, n_[l], codes);
        if (space_.unexplained[l] > 0) return infinity<double>;
        return priced(model_, n_[l], codes) - space_.nats[l];
    }

    // Turn the codes into those of a multiplicative step.
    void multiply() const {
        for (size_t l = 0; l < rows; ++l) {
            const double* const totals = totals_of(model_, n_[l]);
            for (size_t c = 0; c < model_.k; ++c)
                space_.found.prices[c * rows + l] = static_cast<T>(totals[c] + model_.l1);
        }
        const T* const explained = space_.found.explained;
        for (size_t at = 0; at < model_.k * rows; at += lanes<T>)
            store<T>(space_.codes + at,
                     multiplied(space_.found, explained, at, load(space_.codes + at)));
    }

    // Write what is [component][row] to the rows' places, that of row n at `of(n)`.
    template <class Of>
    COFACTOR_INLINE void put(const T* numbers, Of of) const {
        const size_t width = round_up(model_.k, 4);
        for (size_t c = 0; c < model_.k; c += 4)
            transpose_four(FourComponents{numbers + c * rows, model_.k - c}, rows,
                           space_.in_turn + c, width);
        for_each_row([&](size_t l, size_t n) {
            __builtin_memcpy(of(n), space_.in_turn + l * width, model_.k * sizeof(T));
        });
    }

private:
    // Four rows of an array that may end before.
    struct FourComponents {
        const T* numbers;
        size_t left;

        COFACTOR_INLINE T one(size_t j, size_t l) const { return at(j)[l]; }
        COFACTOR_INLINE typename Quad<T>::Vec four(size_t j, size_t l) const {
            return load_quad(at(j) + l);
        }
        COFACTOR_INLINE const T* at(size_t j) const { return numbers + (j < left ? j : 0) * rows; }
    };

    void lift(T* codes) const {
        for (size_t c = 0; c < model_.k; ++c)
            codes[c] = larger(codes[c], static_cast<T>(model_.floor));
    }

    template <class Likelihood>
    void explain() const {
        T* const explained = space_.found.explained;
        __builtin_memset(explained, 0, even(model_.k) * rows * sizeof(T));
        panel_.template visit<Rates, Likelihood>(
            x_, space_.codes, space_.seen(),
            [&](const T* components, const T* rates, size_t columns) {
                panel_.multiply_back(components, rates, columns, explained);
            });
    }

    const PoissonModel<T>& model_;
    DenseSpace<T>& space_;
    const Panel<T, vectors> panel_;
    const size_t count_;
    size_t n_[rows];
    const T* x_[rows];
};

// Give the rows `row(0)`, ..., `row(count - 1)` to `use`, some at a time.
template <class T, class Row, class Use>
void for_some_rows(Matrix<const T> X, const PoissonModel<T>& model, DenseSpace<T>& space,
                   size_t count, Row row, Use use) {
    for (size_t first = 0; first < count; first += most_panel_rows<T>) {
        const size_t size = smaller(most_panel_rows<T>, count - first);
        const auto some = [=](size_t i) { return row(first + i); };
        if constexpr (most_panel_vectors<T> == 3) {
            if (size <= lanes<T>) {
                use(DenseRows<T, 1>(X, model, space, size, some));
                continue;
            }
            if (size > 2 * lanes<T>) {
                use(DenseRows<T, 3>(X, model, space, size, some));
                continue;
            }
        }
        use(DenseRows<T, 2>(X, model, space, size, some));
    }
}

template <class T>
void poisson_multiplicative(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model,
                            PoissonCodes<T> out) {
    DenseSpace<T> space(model);
    const auto start = [=](size_t n) { return out.start + n * model.k; };
    const auto codes = [=](size_t n) { return out.codes + n * model.k; };
    const auto step = [&](const auto& rows) {
        rows.explain_lifted(start, out.before);
        rows.for_each_row([&](size_t l, size_t n) {
            const double loss = rows.loss(l, start(n));
            if (out.before) out.before[n] = loss;
        });
        rows.multiply();
        rows.put(space.codes, codes);
        if (out.loss) rows.judge();
        rows.for_each_row([&](size_t l, size_t n) {
            const double loss = out.loss || !rows.counted(l) ? rows.loss(l, codes(n)) : 0;
            if (out.loss) out.loss[n] = loss;
        });
    };
    share_rows(board, X, most_panel_rows<T>, model.k, out, [&](size_t first, size_t last) {
        const auto in_turn = [=](size_t i) { return first + i; };
        for_some_rows(X, model, space, last - first, in_turn, step);
    });
}

}  // namespace cofactor::COFACTOR_ISA
