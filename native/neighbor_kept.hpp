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
        if (n + ahead < kept_.rows) fetch_listed(n + ahead);
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
    static constexpr size_t ahead = 2;  // rows

    const float* vector(size_t place) const {
        return centers_.vectors.data + place * centers_.vectors.columns;
    }

    COFACTOR_INLINE void fetch_listed(size_t n) const {
        const Label* const listed = kept_.data + n * kept_.columns;
        for (size_t j = 0; j < kept_.columns; ++j)
            if (listed[j] >= 0)
                fetch(vector(static_cast<size_t>(centers_.places[listed[j]])),
                      centers_.vectors.columns * sizeof(float));
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
