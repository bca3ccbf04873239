import HWModels
import Programs

/// Registers and completion barriers of one consumer warpgroup.
struct ConsumerBuffers {
  let scores: TileRef
  let probabilities: TileRef
  let output: TileRef
  let logSumExp: TileRef
  let scoresDone: BarrierID
  let outputDone: BarrierID
  let stored: BarrierID
  let softmax: SoftmaxSteps
  /// Rounds P into the operand of the second product.
  let convert: Operation
  /// Sets accumulator, maximum and sum for a new work item.
  let clear: [Operation]

  init(
    builder: inout KernelBuilder<some StepCounts>, group: Int, rows: Int, keyTile: Int, headDimV: Int,
    type: DataType,
    probabilitiesInRegisters: Bool, exponential: SoftmaxSteps.Exponential
  ) {
    func vector(_ name: String) -> TileRef {
      TileRef(builder.buffer("\(name)\(group)", .registers, rows: rows, columns: 1, type: .fp32))
    }
    scores = TileRef(builder.buffer("S\(group)", .registers, rows: rows, columns: keyTile, type: .fp32))
    probabilities = TileRef(
      builder.buffer(
        "P\(group)", probabilitiesInRegisters ? .registers : .shared, rows: rows, columns: keyTile, type: type
      ))
    output = TileRef(builder.buffer("O\(group)", .registers, rows: rows, columns: headDimV, type: .fp32))
    let maximum = vector("m")
    let sum = vector("l")
    let scale = vector("scale")
    logSumExp = vector("lse")
    scoresDone = builder.barrier("S\(group) done", .completion)
    outputDone = builder.barrier("O\(group) done", .completion)
    stored = builder.barrier("O\(group) stored", .completion)
    softmax = SoftmaxSteps(
      rows: rows, keys: keyTile, outputColumns: headDimV, scores: scores, probabilities: probabilities,
      output: output, maximum: maximum, sum: sum, scale: scale, exponential: exponential)
    var rounding = softmax.convert()
    if !probabilitiesInRegisters {
      rounding.work.sharedWrite = Double(rows * keyTile * type.bytes)
      rounding.work.otherInstructions = Double(rows * keyTile) / 8
      rounding.chain.shared = 1
    }
    convert = rounding
    clear = [
      Operation("O = 0", .sync, action: .fill(output, 0)),
      Operation("m = -inf", .sync, action: .fill(maximum, -Double.infinity)),
      Operation("l = 0", .sync, action: .fill(sum, 0)),
    ]
  }
}
