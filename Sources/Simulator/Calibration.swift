public import HWModels

/// Fits constants of a device to measurements: Levenberg-Marquardt on the logarithms of the constants.
///
/// - Models: each measurement gives one residual, `log(predicted / measured)` times its weight.
/// - Leaves out: bounds other than positivity, which the logarithm gives.
/// - Source: Marquardt 1963, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters".
public struct Calibration: Sendable {
  /// Paths of the constants, e.g. `power.tensorFlop`.
  public var paths: [String]
  /// Residuals of a device, one per measurement, always in the same order. Must not depend on anything else.
  public var residuals: @Sendable (Device) -> [Double]

  public init(paths: [String], residuals: @escaping @Sendable (Device) -> [Double]) {
    self.paths = paths
    self.residuals = residuals
  }

  public struct Outcome: Sendable {
    public var device: Device
    /// Root mean square residual before and after.
    public var before: Double
    public var after: Double
    public var constants: [Constant]
    /// Correlation of each pair of constants, by index, from the last normal equations.
    public var correlations: [[Double]]
    public var iterations: Int
  }

  public struct Constant: Sendable {
    public var path: String
    public var before: Double
    public var after: Double
    /// Standard error of the logarithm; large where the data says nothing about the constant.
    public var relativeError: Double
    public var isIdentified: Bool
  }

  /// Relative step of the numerical derivatives: large against rounding to ticks, small against curvature.
  private static let step = 0.02
  /// A constant whose standard error exceeds this share of its value is not identified by the data.
  private static let identifiedBelow = 0.5

  /// - Complexity: O(iterations x constants) evaluations of `residuals`.
  public func fit(_ start: Device, iterations limit: Int = 12) -> Outcome {
    let fields = paths.compactMap { DeviceField.at($0) }
    var device = start
    var current = residuals(device)
    let before = rms(current)
    var damping = 1e-2
    var normal = [[Double]](repeating: [Double](repeating: 0, count: fields.count), count: fields.count)
    var iterations = 0
    while iterations < limit {
      iterations += 1
      let jacobian = fields.map { field -> [Double] in
        guard let value = field.value(on: device), value > 0 else { return [] }
        var moved = device
        field.set(value * RealMath.exp(Self.step), on: &moved)
        return zip(residuals(moved), current).map { ($0 - $1) / Self.step }
      }
      normal = jacobian.map { a in jacobian.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
      let gradient = jacobian.map { a in zip(a, current).reduce(0) { $0 + $1.0 * $1.1 } }
      var improved = false
      for _ in 0..<6 {
        guard let move = solve(normal, gradient, damping: damping) else { break }
        var trial = device
        for (index, field) in fields.enumerated() {
          guard let value = field.value(on: trial) else { continue }
          field.set(value * RealMath.exp(-min(max(move[index], -0.5), 0.5)), on: &trial)
        }
        let residual = residuals(trial)
        if trial.problems().isEmpty, rms(residual) < rms(current) {
          improved = rms(residual) < rms(current) * (1 - 1e-4)
          device = trial
          current = residual
          damping = max(damping / 4, 1e-6)
          break
        }
        damping *= 4
      }
      if !improved { break }
    }
    let covariance = inverse(normal)
    let variance = rms(current) * rms(current)
    let constants = fields.enumerated().map { index, field in
      let error = RealMath.power(max(covariance?[index][index] ?? .infinity, 0) * variance, 0.5)
      return Constant(
        path: field.path, before: field.value(on: start) ?? 0, after: field.value(on: device) ?? 0,
        relativeError: error, isIdentified: error < Self.identifiedBelow)
    }
    let correlations = fields.indices.map { a in
      fields.indices.map { b -> Double in
        guard let covariance, covariance[a][a] > 0, covariance[b][b] > 0 else { return 0 }
        return covariance[a][b] / RealMath.power(covariance[a][a] * covariance[b][b], 0.5)
      }
    }
    return Outcome(
      device: device, before: before, after: rms(current), constants: constants, correlations: correlations,
      iterations: iterations)
  }

  private func rms(_ values: [Double]) -> Double {
    RealMath.power(values.reduce(0) { $0 + $1 * $1 } / Double(max(values.count, 1)), 0.5)
  }

  /// Solves (N + damping diag N) x = g by Gaussian elimination with pivoting; nil where singular.
  private func solve(_ normal: [[Double]], _ gradient: [Double], damping: Double) -> [Double]? {
    let n = gradient.count
    var rows = normal.indices.map { row in normal[row] + [gradient[row]] }
    for index in 0..<n { rows[index][index] += damping * normal[index][index] + 1e-12 }
    for column in 0..<n {
      guard let pivot = (column..<n).max(by: { abs(rows[$0][column]) < abs(rows[$1][column]) }),
        abs(rows[pivot][column]) > 1e-300
      else { return nil }
      rows.swapAt(column, pivot)
      for row in 0..<n where row != column {
        let factor = rows[row][column] / rows[column][column]
        guard factor != 0 else { continue }
        for k in column...n { rows[row][k] -= factor * rows[column][k] }
      }
    }
    return (0..<n).map { rows[$0][n] / rows[$0][$0] }
  }

  private func inverse(_ matrix: [[Double]]) -> [[Double]]? {
    let n = matrix.count
    var columns: [[Double]] = []
    for index in 0..<n {
      var unit = [Double](repeating: 0, count: n)
      unit[index] = 1
      guard let column = solve(matrix, unit, damping: 0) else { return nil }
      columns.append(column)
    }
    return (0..<n).map { row in (0..<n).map { columns[$0][row] } }
  }
}
