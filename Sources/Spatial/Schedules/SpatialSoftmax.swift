import HWModels
import Programs

/// Softmax in three passes on the 1-D array, a row of scores after another: maximum, exponential, sum, division.
///
/// Each takes one cycle for as many scores as there are lanes; the subtraction is pipelined with a dedicated exponential
/// unit. Rows that do not fit in the buffer spill.
/// - Source: micro24-fusemax-artifact@f543beb, src/accel/stable_softmax.py.
struct SpatialSoftmax {
  let call: SpatialCall

  var einsums: [SpatialProgram.Einsum] {
    let cycles = call.heads * (call.keys / call.machine.lanes.value).rounded(.up) * call.queries
    let exponential = call.machine.exponentialIsPolynomial ? call.exponentialCycles : 1
    func einsum(_ name: String, _ cost: Double, _ operations: SpatialProgram.Operations)
      -> SpatialProgram.Einsum
    {
      .init(
        name, on: .line, cycles: cycles * cost,
        share: call.keys / ((call.keys / call.machine.lanes.value).rounded(.up) * call.machine.lanes.value),
        operations: operations.times(call.scores))
    }
    return [
      einsum("M", 1, .of { $0.max = 1 }), einsum("SN", exponential, call.exponential),
      einsum("SD", 1, .of { $0.add = 1 }), einsum("A", 1, .of { $0.divide = 1 }),
    ]
  }

  /// Share of a row of scores that has no place in `bytes` of buffer.
  func spilled(_ bytes: Double) -> Double { 1 - min(1, max(bytes, 0) / (call.keys * call.element)) }

  /// Traffic of scores that come from memory and go back there, where `spilled` of each row in between spills too.
  func transfers(spilled: Double) -> [SpatialProgram.Transfer] {
    let bytes = call.scores * call.element
    return [
      .init("QK", read: bytes * (1 + spilled)), .init("SN", read: bytes * spilled, written: bytes * spilled),
      .init("A", written: bytes),
    ]
  }
}
