import HWModels
import Results
import Simulator
import Testing

/// Fits to residuals that are linear in the logarithms of three energies, whose answers are sums on paper.
@Suite("Calibration")
struct CalibrationTests {
  private static let paths = ["power.exp", "power.fma", "power.instruction"]

  private func logarithm(_ path: String, _ device: Device, over start: Device) throws -> Double {
    let field = try #require(DeviceField.at(path))
    let (now, before) = (try #require(field.value(on: device)), try #require(field.value(on: start)))
    // log near 1, by its series, from the standard library alone.
    let x = (now - before) / (now + before)
    return 2 * (x + x * x * x / 3 + x * x * x * x * x / 5)
  }

  /// Rows of weights of the three constants and a target each.
  private func fit(_ rows: [([Double], Double)]) throws -> (start: Device, outcome: Calibration.Outcome) {
    let start = try Devices.named("h100-sxm5")
    let outcome = Calibration(paths: Self.paths) { residuals(rows, $0, start) }.fit(start, iterations: 40)
    return (start, outcome)
  }

  private func residuals(_ rows: [([Double], Double)], _ device: Device, _ start: Device) -> [Double] {
    let logarithms = Self.paths.map { (try? logarithm($0, device, over: start)) ?? .nan }
    return rows.map { row in zip(row.0, logarithms).reduce(-row.1) { $0 + $1.0 * $1.1 } }
  }

  private func rms(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
  }

  @Test(
    "A constant that the data does not identify keeps its value, and the others are fitted without it",
    arguments: [0.02, 0])
  func unidentified(weight: Double) throws {
    // The third constant moves one row by little: a joint fit would send it far, to meet that row's noise.
    let rows: [([Double], Double)] = [
      ([1, 0, weight], 0.25), ([1, 0, 0], 0.15), ([1, 0, 0], 0.17), ([0, 1, 0], -0.1), ([0, 1, 0], -0.14),
    ]
    let (start, outcome) = try fit(rows)
    #expect(outcome.constants.map(\.isIdentified) == [true, true, false])
    let third = try #require(DeviceField.at(Self.paths[2]))
    #expect(third.value(on: outcome.device) == third.value(on: start))
    #expect(outcome.constants[2].after == outcome.constants[2].before)
    // Least squares of the rest are means of targets.
    #expect(abs(try logarithm(Self.paths[0], outcome.device, over: start) - 0.19) < 1e-3)
    #expect(abs(try logarithm(Self.paths[1], outcome.device, over: start) + 0.12) < 1e-3)
    #expect(abs(outcome.after - rms(residuals(rows, outcome.device, start))) < 1e-12)
    #expect(abs(outcome.before - rms(rows.map(\.1))) < 1e-12)
  }

  @Test("Constants that only their product shows are both kept, and reported as correlated")
  func collinear() throws {
    let rows: [([Double], Double)] = [
      ([1, 1, 0], 0.2), ([1, 1, 0], 0.1), ([0, 0, 1], 0.1), ([0, 0, 1], 0.12),
    ]
    let (start, outcome) = try fit(rows)
    #expect(outcome.constants.map(\.isIdentified) == [false, false, true])
    for path in Self.paths[0...1] {
      #expect(try logarithm(path, outcome.device, over: start) == 0)
    }
    #expect(abs(try logarithm(Self.paths[2], outcome.device, over: start) - 0.11) < 1e-3)
    #expect(outcome.correlations[0][1] < -0.9)
  }

  @Test("A constant that only another unidentified one blurs is fitted without that one")
  func blurred() throws {
    // Six rows see the first constant, and nearly in step with it the third, by a quarter.
    let targets = [0.2, 0.1, 0.3, 0.05, 0.25, 0.06]
    let rows: [([Double], Double)] =
      targets.enumerated().map { ([1, 0, $0 % 2 == 0 ? 0.25 : 0.24], $1) } + [
        ([0, 1, 0], 0.1), ([0, 1, 0], 0.12),
      ]
    let (start, outcome) = try fit(rows)
    #expect(outcome.constants.map(\.isIdentified) == [true, true, false])
    #expect(abs(try logarithm(Self.paths[0], outcome.device, over: start) - 0.16) < 1e-3)
    #expect(outcome.correlations[0][2] < -0.9)
  }

  @Test("A constant that is changed after the fit has the error of its new value")
  func rounded() throws {
    let rows: [([Double], Double)] = [
      ([1, 0, 0], 0.2), ([1, 0, 0], 0.1), ([0, 1, 0], 0.1), ([0, 0, 1], 0.12),
    ]
    let (start, outcome) = try fit(rows)
    let changed = outcome.replacingConstants {
      $0 * 1.01
    } residuals: {
      residuals(rows, $0, start)
    }
    #expect(changed.after > outcome.after)
    #expect(changed.after == rms(residuals(rows, changed.device, start)))
  }
}
