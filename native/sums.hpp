// Statistics of components and norms of rows, in float64.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// Call visit(n, component, weight) for every pair that has weight, in order.
template <class Visit>
COFACTOR_INLINE void for_each_pair(Membership members, Visit visit) {
    const size_t width = members.index.columns;
    for (size_t n = 0; n < members.index.rows; ++n)
        for (size_t p = n * width; p < (n + 1) * width; ++p)
            if (members.weight[p] != 0)
                visit(n, static_cast<size_t>(members.index.data[p]), members.weight[p]);
}

template <class T>
void weighted_sums(Matrix<const T> X, const T* __restrict shift, Membership members,
                   double* counts, double* sums) {
    const size_t d = X.columns;
    for_each_pair(members, [=](size_t n, size_t j, double weight) {
        const T* const x = X.data + n * d;
        double* __restrict const sum = sums + j * d;
        counts[j] += weight;
        for (size_t l = 0; l < d; ++l)
            sum[l] += weight * (static_cast<double>(x[l]) - static_cast<double>(shift[l]));
    });
}

template <class T>
void weighted_squares(Matrix<const T> X, const T* __restrict shift, Membership members,
                      double* squares) {
    const size_t d = X.columns;
    for_each_pair(members, [=](size_t n, size_t j, double weight) {
        const T* const x = X.data + n * d;
        double* __restrict const square = squares + j * d;
        for (size_t l = 0; l < d; ++l) {
            const double residual = static_cast<double>(x[l]) - static_cast<double>(shift[l]);
            square[l] += weight * (residual * residual);
        }
    });
}

template <class T>
void weighted_grams(Matrix<const T> X, const double* shift, Membership members, double* grams) {
    const size_t d = X.columns;
    const Scratch<double> residual(d);
    for_each_pair(members, [&](size_t n, size_t j, double weight) {
        const double* __restrict const r = residual;
        for (size_t l = 0; l < d; ++l)
            residual[l] = static_cast<double>(X.data[n * d + l]) - shift[l];
        for (size_t l = 0; l < d; ++l) {
            double* __restrict const gram = grams + (j * d + l) * d;
            const double scaled = weight * r[l];
            for (size_t m = 0; m < d; ++m) gram[m] += scaled * r[m];
        }
    });
}

template <class T, class I>
void weighted_sums_csr(Csr<T, I> X, Membership members, double* counts, Matrix<double> sums) {
    for_each_pair(members, [=](size_t n, size_t j, double weight) {
        double* const sum = sums.data + j * sums.columns;
        counts[j] += weight;
        for (I p = X.indptr[n]; p < X.indptr[n + 1]; ++p)
            sum[X.indices[p]] += weight * static_cast<double>(X.data[p]);
    });
}

template <class T, class I>
void weighted_squares_csr(Csr<T, I> X, Membership members, Matrix<double> squares) {
    for_each_pair(members, [=](size_t n, size_t j, double weight) {
        double* const square = squares.data + j * squares.columns;
        for (I p = X.indptr[n]; p < X.indptr[n + 1]; ++p) {
            const double x = static_cast<double>(X.data[p]);
            square[X.indices[p]] += weight * (x * x);
        }
    });
}

template <class T>
void squared_norms(Matrix<const T> X, const T* shift, double* out) {
    for (size_t n = 0; n < X.rows; ++n) {
        const T* const x = X.data + n * X.columns;
        out[n] = sum_of(X.columns, [=](size_t l) {
            const double residual = static_cast<double>(x[l]) - static_cast<double>(shift[l]);
            return residual * residual;
        });
    }
}

template <class T, class I>
void squared_norms_csr(Csr<T, I> X, double* out) {
    for (size_t n = 0; n < X.rows; ++n) {
        const size_t begin = static_cast<size_t>(X.indptr[n]);
        const T* const x = X.data + begin;
        out[n] = sum_of(static_cast<size_t>(X.indptr[n + 1]) - begin, [=](size_t p) {
            return static_cast<double>(x[p]) * static_cast<double>(x[p]);
        });
    }
}

template <class T>
void squared_distances(Matrix<const T> X, const double* centers, const Label* index, double* out) {
    for (size_t n = 0; n < X.rows; ++n) {
        const T* const x = X.data + n * X.columns;
        const double* const center = centers + static_cast<size_t>(index[n]) * X.columns;
        out[n] = sum_of(X.columns, [=](size_t l) {
            const double residual = static_cast<double>(x[l]) - center[l];
            return residual * residual;
        });
    }
}

template <class T, class I>
void sampled_products(Csr<T, I> positions, const T* codes, Matrix<const T> components_t,
                      double* out) {
    const size_t k = components_t.columns;
    for (size_t n = 0; n < positions.rows; ++n)
        for (I p = positions.indptr[n]; p < positions.indptr[n + 1]; ++p) {
            const T* const z = codes + n * k;
            const T* const h = components_t.data + static_cast<size_t>(positions.indices[p]) * k;
            out[p] = sum_of(k, [=](size_t c) {
                return static_cast<double>(z[c]) * static_cast<double>(h[c]);
            });
        }
}

}  // namespace cofactor::COFACTOR_ISA
