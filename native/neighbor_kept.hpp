// The best other component of every row among those that are listed for it alone.
#pragma once

#include "neighbors.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class KeptSearch {
public:
    KeptSearch(Matrix<const T> X, const T* shift, double scale, const NeighborRows& rows,
               const NeighborCenters& centers, Matrix<const Label> kept,
               const NeighborFinds& finds)
        : narrow_(narrow_rows(X, shift, scale)),
          rows_(rows),
          centers_(centers),
          kept_(kept),
          finds_(finds),
          leaver_{rows, centers, 1 / (scale * scale)},
          x_(centers.vectors.columns) {}

    void search(size_t n) {
        const Label* const listed = kept_.data + n * kept_.columns;
        for (size_t j = 0; j < kept_.columns; ++j) fetch(listed[j]);
        narrow_row(narrow_, n, x_, centers_.vectors.columns);
        double least = infinity<double>;
        std::int64_t best = -1;
        for (size_t j = 0; j < kept_.columns; ++j) {
            if (listed[j] < 0 || listed[j] == rows_.labels[n]) continue;
            const size_t place = static_cast<size_t>(centers_.places[listed[j]]);
            const double price = cost(n, place);
            best = price < least ? static_cast<std::int64_t>(place) : best;
            least = smaller(price, least);
        }
        leaver_.write(n, x_, best, least, finds_);
    }

private:
    const float* vector(size_t place) const {
        return centers_.vectors.data + place * centers_.vectors.columns;
    }

    // Ask for a component that is used soon.
    void fetch(Label c) const {
        if (c < 0) return;
        const float* const e = vector(static_cast<size_t>(centers_.places[c]));
        for (size_t l = 0; l < centers_.vectors.columns; l += line_floats)
            __builtin_prefetch(e + l);
    }

    double cost(size_t n, size_t place) const {
        if (!(centers_.half_norms[place] < infinity<float>)) return infinity<double>;
        return squared_distance(x_, vector(place), centers_.vectors.columns) /
               (1 + rows_.weights[n] * static_cast<double>(centers_.shares[place]));
    }

    const NarrowRowsOf<T> narrow_;
    const NeighborRows& rows_;
    const NeighborCenters& centers_;
    const Matrix<const Label> kept_;
    const NeighborFinds& finds_;
    const Leaver leaver_;
    const Scratch<float> x_;
};

template <class T>
void neighbor_kept(std::int64_t* board, Matrix<const T> X, const T* shift, double scale,
                   NeighborRows rows, NeighborCenters centers, Matrix<const Label> kept,
                   NeighborFinds finds) {
    constexpr size_t at_once = 256;
    KeptSearch<T> search(X, shift, scale, rows, centers, kept, finds);
    share(board, X.rows, at_once, [&](size_t n) { search.search(n); });
}

}  // namespace cofactor::COFACTOR_ISA
