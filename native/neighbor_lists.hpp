// The components nearest to points, among those of the cells nearest to each.
#pragma once

#include "neighbors.hpp"

namespace cofactor::COFACTOR_ISA {

class ListSearch {
public:
    ListSearch(Matrix<const float> points, const NeighborCells& cells,
               const NeighborCenters& centers, Matrix<Label> lists, std::int64_t* evaluations)
        : points_(points),
          cells_(cells),
          centers_(centers),
          lists_(lists),
          evaluations_(evaluations),
          room_(most_components() + pointed_step),
          zeros_(points.columns),
          packed_(tile_rows<float> * points.columns),
          vectors_(room_),
          places_(room_),
          half_norms_(room_),
          losses_(room_ * tile_rows<float>) {
        for (size_t l = 0; l < points.columns; ++l) zeros_[l] = 0;
    }

    void search(size_t unit) {
        const size_t first = static_cast<size_t>(cells_.starts[unit]);
        const size_t last = static_cast<size_t>(cells_.starts[unit + 1]);
        if (first == last) return;
        gather(unit);
        for (size_t point = first; point < last;) {
            const size_t left = last - point;
            const bool many = 2 * left > tile_rows<float>;
            point += many ? scan<tile_vectors>(point, left) : scan<1>(point, left);
        }
        __atomic_add_fetch(evaluations_, static_cast<std::int64_t>((last - first) * count_),
                           __ATOMIC_RELAXED);
    }

private:
    size_t most_components() const {
        std::int64_t largest = 0;
        for (size_t cell = 0; cell < cells_.order.columns; ++cell)
            largest = larger(largest, cells_.edges[cell + 1] - cells_.edges[cell]);
        return smaller(cells_.enough + static_cast<size_t>(largest), centers_.vectors.rows);
    }

    // All components with rows of the nearest cells that have enough together.
    void gather(size_t unit) {
        count_ = 0;
        const Label* const order = cells_.order.data + unit * cells_.order.columns;
        for (size_t q = 0; q < cells_.order.columns && count_ < cells_.enough; ++q)
            for (std::int64_t p = cells_.edges[order[q]]; p < cells_.edges[order[q] + 1]; ++p)
                if (centers_.half_norms[p] < infinity<float>)
                    put(count_++, static_cast<size_t>(p));
        for (size_t i = 0; i < pointed_step; ++i) put(count_ + i, 0);
    }

    void put(size_t i, size_t place) {
        places_[i] = static_cast<Label>(place);
        vectors_[i] = centers_.vectors.data + place * centers_.vectors.columns;
        half_norms_[i] = centers_.half_norms[place];
    }

    // A panel of up to `width` vectors of points; return how many.
    template <size_t width>
    size_t scan(size_t point, size_t left) {
        constexpr size_t size = width * lanes<float>, step = pointed_components<width>;
        const size_t points = smaller(left, size);
        pack(point, points, size);
        for (size_t i = 0; i < count_; i += step) {
            Vec<float> product[step][width];
            pointed_products(packed_, vectors_ + i, points_.columns, product);
            for (size_t r = 0; r < step; ++r)
                for (size_t v = 0; v < width; ++v)
                    store(losses_at(i + r, v), half_norms_[i + r] - product[r][v]);
        }
        for (size_t v = 0; v * lanes<float> < points; ++v)
            write(v, point + v * lanes<float>, smaller(points - v * lanes<float>, lanes<float>),
                  limit_of(v));
        return points;
    }

    // Points side by side in `size` lanes; the last one again where there are fewer.
    void pack(size_t point, size_t points, size_t size) {
        const PlainRows<float> rows{points_, zeros_};
        for (size_t i = 0; i < size; i += rows_together<float>) {
            const float* some[rows_together<float>];
            for (size_t j = 0; j < rows_together<float>; ++j)
                some[j] = points_.data + (point + smaller(i + j, points - 1)) * points_.columns;
            transpose(rows.entries(some), points_.columns, packed_ + i, size);
        }
    }

    COFACTOR_INLINE float* losses_at(size_t i, size_t v) const {
        return losses_ + (v * room_ + i) * lanes<float>;
    }
    COFACTOR_INLINE Vec<float> loss(size_t i, size_t v) const { return load(losses_at(i, v)); }

    // For each point a limit that as many losses do not exceed as are listed; by false position,
    // which takes no branch that could be mistaken. Where losses are equal there may be more.
    Vec<float> limit_of(size_t v) const {
        const Lane<float> wanted = static_cast<Lane<float>>(smaller(count_, lists_.columns));
        Vec<float> low = splat(infinity<float>), high = splat(-infinity<float>);
        for (size_t i = 0; i < count_; ++i) {
            low = loss(i, v) < low ? loss(i, v) : low;
            high = loss(i, v) > high ? loss(i, v) : high;
        }
        return close_in(v, low, high, wanted);
    }

    // At most `high`, which no loss exceeds. Every third step halves what is left.
    Vec<float> close_in(size_t v, Vec<float> low, Vec<float> high, Lane<float> wanted) const {
        const Vec<float> aim = splat(static_cast<float>(wanted) + 0.5f);
        const Int<float> least = number_below(v, low);
        high = least >= wanted ? low : high;  // fewer than wanted are at `low` or below, or all
        Vec<float> at_low = __builtin_convertvector(least, Vec<float>);
        Vec<float> at_high = splat(static_cast<float>(count_));
        int step = 0;
        for (Int<float> open = low < high; any<float>(open);) {
            const Vec<float> guess = low + (high - low) * ((aim - at_low) / (at_high - at_low));
            const Int<float> inside =
                (low < guess) & (guess < high) & splat_int<float>(++step % 3 ? -1 : 0);
            const Vec<float> half = 0.5f * low + 0.5f * high;
            const Vec<float> middle = inside ? guess : half;
            const Int<float> below = number_below(v, middle);
            open &= (low < middle) & (middle < high);
            const Int<float> enough = open & (below >= wanted), few = open & ~enough;
            high = enough ? middle : high;
            low = few ? middle : low;
            at_high = enough ? __builtin_convertvector(below, Vec<float>) : at_high;
            at_low = few ? __builtin_convertvector(below, Vec<float>) : at_low;
            open &= below != wanted;
        }
        return high;
    }

    Int<float> number_below(size_t v, Vec<float> limit) const {
        Int<float> minus[4] = {};
        size_t i = 0;
        for (; i + 4 <= count_; i += 4)
            for (size_t j = 0; j < 4; ++j) minus[j] += loss(i + j, v) <= limit;
        for (; i < count_; ++i) minus[0] += loss(i, v) <= limit;
        return -((minus[0] + minus[1]) + (minus[2] + minus[3]));
    }

    // Of components at the limit those that there is room for; below it there is for all.
    void write(size_t v, size_t point, size_t points, Vec<float> limit) const {
        Label *next[lanes<float>], *end[lanes<float>];
        for (size_t i = 0; i < points; ++i) {
            next[i] = at(point + i);
            end[i] = next[i] + lists_.columns;
        }
        const std::uint32_t real = static_cast<std::uint32_t>((1ull << points) - 1);
        for (size_t i = 0; i < count_; ++i)
            each_of(bits_of(loss(i, v) < limit) & real,
                    [&](size_t lane) { *next[lane]++ = places_[i]; });
        for (size_t i = 0; i < count_; ++i)
            each_of(bits_of(loss(i, v) == limit) & real, [&](size_t lane) {
                if (next[lane] < end[lane]) *next[lane]++ = places_[i];
            });
        for (size_t i = 0; i < points; ++i)
            while (next[i] < end[i]) *next[i]++ = -1;
    }

    template <class Visit>
    COFACTOR_INLINE static void each_of(std::uint32_t bits, Visit visit) {
        for (; bits; bits &= bits - 1) visit(static_cast<size_t>(__builtin_ctz(bits)));
    }

    COFACTOR_INLINE Label* at(size_t point) const {
        return lists_.data + point * lists_.columns;
    }

    const Matrix<const float> points_;
    const NeighborCells& cells_;
    const NeighborCenters& centers_;
    const Matrix<Label> lists_;
    std::int64_t* const evaluations_;
    const size_t room_;
    const Scratch<float> zeros_, packed_;
    const Scratch<const float*> vectors_;
    const Scratch<Label> places_;
    const Scratch<float> half_norms_, losses_;
    size_t count_ = 0;
};

inline void neighbor_lists(std::int64_t* board, Matrix<const float> points, NeighborCells cells,
                           NeighborCenters centers, Matrix<Label> lists,
                           std::int64_t* evaluations) {
    constexpr size_t most_pieces = 256;
    ListSearch search(points, cells, centers, lists, evaluations);
    share(board, cells.order.rows, size_of_pieces(cells.order.rows, most_pieces),
          [&](size_t unit) { search.search(unit); });
}

}  // namespace cofactor::COFACTOR_ISA
