// The few likeliest components of every row among the candidates of its group of rows.
#pragma once

#include "neighbor_candidates.hpp"

namespace cofactor::COFACTOR_ISA {

// Entries of four rows as doubles, less a shift.
template <class T>
struct WidenedRows {
    const T* const* rows;
    const double* shift;

    COFACTOR_INLINE double one(size_t j, size_t l) const {
        return static_cast<double>(rows[j][l]) - shift[l];
    }
    COFACTOR_INLINE Quad<double>::Vec four(size_t j, size_t l) const {
        return __builtin_convertvector(load_quad(rows[j] + l), Quad<double>::Vec) -
               load_quad(shift + l);
    }
};

template <class P, size_t components, size_t width>
using Sums = Vec<P>[components][width];

// sums[r][v] = what `add` makes of every column of a panel and of component e[r].
template <class P, size_t components, size_t width, class Add>
COFACTOR_INLINE void sum_columns(const P* panel, const P* const (&e)[components], size_t d,
                                 Sums<P, components, width>& sums, Add add) {
    for (size_t r = 0; r < components; ++r)
        for (size_t v = 0; v < width; ++v) sums[r][v] = Vec<P>{};
    for (size_t l = 0; l < d; ++l, panel += width * lanes<P>) {
        Vec<P> x[width];
        for (size_t v = 0; v < width; ++v) x[v] = load(panel + v * lanes<P>);
        for (size_t r = 0; r < components; ++r)
            for (size_t v = 0; v < width; ++v) add(sums[r][v], x[v], e[r] + l);
    }
}

// Losses offset - <x, e>, in the precision of the rows.
template <class T>
struct AffineMeasure {
    using Value = T;

    COFACTOR_INLINE static ShiftedRows<T> rows(const T* const* rows, const T* shift) {
        return {rows, shift};
    }
    template <size_t components, size_t width>
    COFACTOR_INLINE static void fill(const T* panel, const T* const (&e)[components], size_t d,
                                     Sums<T, components, width>& sums) {
        sum_columns(panel, e, d, sums,
                    [](Vec<T>& sum, Vec<T> x, const T* entry) { sum += x * splat(*entry); });
    }
    COFACTOR_INLINE static Vec<T> loss(T offset, Vec<T> sum) { return offset - sum; }
};

// Losses offset + |...|^2 / 2, in float64.
template <class T>
struct DistanceMeasure {
    using Value = double;

    COFACTOR_INLINE static WidenedRows<T> rows(const T* const* rows, const double* shift) {
        return {rows, shift};
    }
    COFACTOR_INLINE static Vec<double> loss(double offset, Vec<double> sum) {
        return offset + 0.5 * sum;
    }
};

// Of (x - center) * scale; scales follow the center.
template <class T>
struct ScaledMeasure : DistanceMeasure<T> {
    template <size_t components, size_t width>
    COFACTOR_INLINE static void fill(const double* panel, const double* const (&e)[components],
                                     size_t d, Sums<double, components, width>& sums) {
        sum_columns(panel, e, d, sums, [d](Vec<double>& sum, Vec<double> x, const double* entry) {
            const Vec<double> residual = (x - splat(entry[0])) * splat(entry[d]);
            sum += residual * residual;
        });
    }
};

// Of x P - center; the columns of the upper triangular P follow the center, without their zeros.
template <class T>
struct WhitenedMeasure : DistanceMeasure<T> {
    template <size_t components, size_t width>
    COFACTOR_INLINE static void fill(const double* panel, const double* const (&e)[components],
                                     size_t d, Sums<double, components, width>& sums) {
        for (size_t r = 0; r < components; ++r) whiten(panel, e[r], d, sums[r]);
    }

private:
    template <size_t width>
    COFACTOR_INLINE static void whiten(const double* panel, const double* center, size_t d,
                                       Vec<double> (&sum)[width]) {
        for (size_t v = 0; v < width; ++v) sum[v] = Vec<double>{};
        const double* factor = center + d;
        for (size_t j = 0; j < d; ++j, factor += j) {
            Vec<double> residual[width];
            for (size_t v = 0; v < width; ++v) residual[v] = splat(-center[j]);
            const double* x = panel;
            for (size_t l = 0; l <= j; ++l, x += width * lanes<double>)
                for (size_t v = 0; v < width; ++v)
                    residual[v] += load(x + v * lanes<double>) * splat(factor[l]);
            for (size_t v = 0; v < width; ++v) sum[v] += residual[v] * residual[v];
        }
    }
};

// Of every lane the smallest losses, sorted by insertion, and what they are the losses of. An
// empty place holds NaN, which no loss exceeds.
template <class P>
class Ranking {
public:
    explicit Ranking(size_t keep)
        : keep_(keep), losses_(keep * tile_vectors), numbers_(keep * tile_vectors) {}

    void start() {
        for (size_t i = 0; i < keep_ * tile_vectors; ++i) losses_[i] = splat(not_a_number<P>);
    }

    COFACTOR_INLINE void offer(size_t v, Vec<P> loss, size_t number) {
        const Vec<P> worst = losses_[(keep_ - 1) * tile_vectors + v];
        if (any<P>(~(worst <= loss))) insert(v, loss, number);
    }

    COFACTOR_INLINE size_t number(size_t c, size_t lane) const {
        return static_cast<size_t>(numbers_[c * tile_vectors + lane / lanes<P>][lane % lanes<P>]);
    }
    COFACTOR_INLINE double loss(size_t c, size_t lane) const {
        return losses_[c * tile_vectors + lane / lanes<P>][lane % lanes<P>];
    }

private:
    // From the first place that holds more, all losses move down one place.
    void insert(size_t v, Vec<P> loss, size_t number) {
        Int<P> id = splat_int<P>(static_cast<Lane<P>>(number)), moves{};
        for (size_t i = v; i < keep_ * tile_vectors; i += tile_vectors) {
            const Vec<P> held = losses_[i];
            const Int<P> held_id = numbers_[i];
            moves |= ~(held <= loss);
            losses_[i] = moves ? loss : held;
            numbers_[i] = moves ? id : held_id;
            loss = moves ? held : loss;
            id = moves ? held_id : id;
        }
    }

    const size_t keep_;
    const Scratch<Vec<P>> losses_;
    const Scratch<Int<P>> numbers_;
};

template <class T, class Measure>
class TopSearch {
public:
    using P = typename Measure::Value;

    TopSearch(Matrix<const T> X, const P* shift, const NeighborUnits& units,
              const NeighborModel<P>& model, const NeighborGroups& groups, const NeighborTop& top)
        : X_(X),
          shift_(shift),
          units_(units),
          model_(model),
          groups_(groups),
          top_(top),
          candidates_(model.vectors.rows),
          vectors_(model.vectors.rows + pointed_step),
          offsets_(model.vectors.rows + pointed_step),
          packed_(tile_vectors * lanes<P> * X.columns),
          ranking_(top.index.columns) {}

    void search(size_t group) {
        const RowRange rows = rows_of_group(units_, groups_, group);
        if (rows.first == rows.last) return;
        gather(group);
        for (std::int64_t row = rows.first; row < rows.last;) {
            const size_t left = static_cast<size_t>(rows.last - row);
            row += static_cast<std::int64_t>(2 * left > tile_vectors * lanes<P>
                                                 ? scan<tile_vectors>(row, left)
                                                 : scan<narrow>(row, left));
        }
        count_evaluations(top_.evaluations, rows, candidates_.size());
    }

private:
    static constexpr size_t narrow = lanes<P> < 4 ? 2 : 1;  // vectors of at least four rows

    void gather(size_t group) {
        candidates_.clear();
        for_each_candidate(units_, groups_, model_.places, group,
                           [this](Label place) { candidates_.add(place); });
        candidates_.fill(top_.index.columns);
        const size_t count = candidates_.size();
        for (size_t i = 0; i < count + pointed_step; ++i) {  // a tile may read beyond the last
            const size_t place = i < count ? static_cast<size_t>(candidates_[i]) : 0;
            vectors_[i] = model_.vectors.data + place * model_.vectors.columns;
            offsets_[i] = model_.offsets[place];
        }
    }

    COFACTOR_INLINE size_t number(std::int64_t row) const {
        return static_cast<size_t>(units_.order[row]);
    }

    // As many of the rows as a panel of this width holds; returns how many.
    template <size_t width>
    size_t scan(std::int64_t row, size_t left) {
        const size_t count = smaller(left, width * lanes<P>);
        pack<width>(row, count);
        ranking_.start();
        for (size_t i = 0; i < candidates_.size(); i += pointed_components<width>) offer<width>(i);
        for (size_t lane = 0; lane < count; ++lane) write(row, lane);
        return count;
    }

    template <size_t width>
    void pack(std::int64_t row, size_t count) {
        constexpr size_t size = width * lanes<P>;
        for (size_t i = 0; i < size; i += 4) {
            const T* four[4];
            for (size_t j = 0; j < 4; ++j) {
                const size_t lane = smaller(i + j, count - 1);
                four[j] = X_.data + number(row + static_cast<std::int64_t>(lane)) * X_.columns;
            }
            transpose_four(Measure::rows(four, shift_), X_.columns,
                           static_cast<P*>(packed_) + i, size);
        }
    }

    template <size_t width>
    void offer(size_t first) {
        constexpr size_t components = pointed_components<width>;
        const P* e[components];
        for (size_t r = 0; r < components; ++r) e[r] = vectors_[first + r];
        Sums<P, components, width> sum;
        Measure::fill(static_cast<const P*>(packed_), e, X_.columns, sum);
        const size_t count = smaller(components, candidates_.size() - first);
        for (size_t r = 0; r < count; ++r)
            for (size_t v = 0; v < width; ++v)
                ranking_.offer(v, Measure::loss(offsets_[first + r], sum[r][v]), first + r);
    }

    COFACTOR_INLINE void write(std::int64_t row, size_t lane) const {
        const size_t keep = top_.index.columns;
        const size_t n = number(row + static_cast<std::int64_t>(lane));
        for (size_t c = 0; c < keep; ++c) {
            const Label place = candidates_[ranking_.number(c, lane)];
            top_.index.data[n * keep + c] = model_.members[place];
            top_.loss[n * keep + c] = ranking_.loss(c, lane);
        }
    }

    const Matrix<const T> X_;
    const P* const shift_;
    const NeighborUnits& units_;
    const NeighborModel<P>& model_;
    const NeighborGroups& groups_;
    const NeighborTop& top_;
    DistinctNumbers candidates_;
    const Scratch<const P*> vectors_;
    const Scratch<P> offsets_, packed_;
    Ranking<P> ranking_;
};

template <class T, class Measure>
void neighbor_top(std::int64_t* board, Matrix<const T> X, const typename Measure::Value* shift,
                  NeighborUnits units, NeighborModel<typename Measure::Value> model,
                  NeighborGroups groups, NeighborTop top) {
    constexpr size_t most_pieces = 256;
    TopSearch<T, Measure> search(X, shift, units, model, groups, top);
    share(board, groups.count, size_of_pieces(groups.count, most_pieces),
          [&](size_t group) { search.search(group); });
}

}  // namespace cofactor::COFACTOR_ISA
