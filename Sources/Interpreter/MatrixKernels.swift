/// Inner loops over raw numbers. Straight-line bodies over eight terms stay fast without the optimiser, which the
/// test suite needs, and become vector code with it.
enum MatrixKernels {
  /// `c[i][j] += sum over l of a(i, l) * b[l][j]`, where `a(i, l) = a[i * aRow + l * aColumn]`.
  ///
  /// - Parameter inner: number of terms; `b` and `c` have rows of `bStride` and `cStride` numbers.
  static func multiplyAdd(
    rows: Int, columns: Int, inner: Int, a: UnsafePointer<Float>, aRow: Int, aColumn: Int,
    b: UnsafePointer<Float>, bStride: Int, c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    var i = 0
    while i < rows {
      let cRow = c + i &* cStride
      let aStart = a + i &* aRow
      var l = 0
      while l &+ 8 <= inner {
        let s = aStart + l &* aColumn
        let a0 = s[0]
        let a1 = s[aColumn]
        let a2 = s[2 &* aColumn]
        let a3 = s[3 &* aColumn]
        let a4 = s[4 &* aColumn]
        let a5 = s[5 &* aColumn]
        let a6 = s[6 &* aColumn]
        let a7 = s[7 &* aColumn]
        let b0 = b + l &* bStride
        let b1 = b0 + bStride
        let b2 = b1 + bStride
        let b3 = b2 + bStride
        let b4 = b3 + bStride
        let b5 = b4 + bStride
        let b6 = b5 + bStride
        let b7 = b6 + bStride
        var j = 0
        while j < columns {
          let low = (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])
          let high = (a4 * b4[j] + a5 * b5[j]) + (a6 * b6[j] + a7 * b7[j])
          cRow[j] = cRow[j] + (low + high)
          j &+= 1
        }
        l &+= 8
      }
      while l < inner {
        let factor = aStart[l &* aColumn]
        let bRow = b + l &* bStride
        var j = 0
        while j < columns {
          cRow[j] = cRow[j] + factor * bRow[j]
          j &+= 1
        }
        l &+= 1
      }
      i &+= 1
    }
  }

  /// The same in double precision.
  static func multiplyAdd(
    rows: Int, columns: Int, inner: Int, a: UnsafePointer<Double>, aRow: Int, aColumn: Int,
    b: UnsafePointer<Double>, bStride: Int, c: UnsafeMutablePointer<Double>, cStride: Int
  ) {
    var i = 0
    while i < rows {
      let cRow = c + i &* cStride
      let aStart = a + i &* aRow
      var l = 0
      while l &+ 4 <= inner {
        let s = aStart + l &* aColumn
        let a0 = s[0]
        let a1 = s[aColumn]
        let a2 = s[2 &* aColumn]
        let a3 = s[3 &* aColumn]
        let b0 = b + l &* bStride
        let b1 = b0 + bStride
        let b2 = b1 + bStride
        let b3 = b2 + bStride
        var j = 0
        while j < columns {
          cRow[j] = cRow[j] + ((a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]))
          j &+= 1
        }
        l &+= 4
      }
      while l < inner {
        let factor = aStart[l &* aColumn]
        let bRow = b + l &* bStride
        var j = 0
        while j < columns {
          cRow[j] = cRow[j] + factor * bRow[j]
          j &+= 1
        }
        l &+= 1
      }
      i &+= 1
    }
  }

  /// `target[j][i] = source[i][j]`.
  static func transpose(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i < rows {
      let row = source + i &* stride
      var j = 0
      while j < columns {
        target[j &* rows &+ i] = row[j]
        j &+= 1
      }
      i &+= 1
    }
  }

  /// The same in double precision.
  static func transpose(
    _ source: UnsafePointer<Double>, rows: Int, columns: Int, stride: Int,
    into target: UnsafeMutablePointer<Double>
  ) {
    var i = 0
    while i < rows {
      let row = source + i &* stride
      var j = 0
      while j < columns {
        target[j &* rows &+ i] = row[j]
        j &+= 1
      }
      i &+= 1
    }
  }
}
