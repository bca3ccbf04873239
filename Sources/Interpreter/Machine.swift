import Attention
import HWModels
import Programs

/// Runs a program on numbers, in one order.
///
/// Buffers are real storage, barriers are counted phases, asynchronous operations wait in queues (matrix
/// instructions of an actor in one, its copies in one for each barrier at which they arrive) and read their operands when
/// they execute. Several work items are in flight; kernels follow each other.
final class Machine {
  let program: Program
  let kernels: [CompiledKernel]
  let table: ValueTable
  let memory: DeviceMemory
  let seqQ: Int
  let queryHeads: Int
  let keyHeads: Int
  let group: Int
  /// Query rows of all heads, and whether sequences have different numbers of them.
  let queryRows: Int
  let hasQueryLengths: Bool
  /// The agents that went on, in order, all kernels in a row.
  @exclusivity(unchecked) private(set) var choices: [Int32] = []
  /// How often each operation executed, by kernel and by its place among the kernel's operations.
  @exclusivity(unchecked) private(set) var executed: [[Int]]
  /// Set to write down every step.
  @exclusivity(unchecked) var recorder: Recorder?

  /// What a run of `program` starts from: `kernels` compiled once, `table` shared between runs.
  init(program: Program, kernels: [CompiledKernel], table: ValueTable, inputs: [Tensor: [Int32]]) {
    self.program = program
    self.kernels = kernels
    self.table = table
    let shape = program.shape
    (seqQ, group) = (shape.seqQ, shape.group)
    (queryHeads, keyHeads) = (shape.batch * shape.headsQ, shape.batch * shape.headsKV)
    queryRows = shape.headsQ * shape.totalQueries
    hasQueryLengths = shape.hasQueryLengths
    memory = DeviceMemory(shape: program.shape, table: table, inputs: inputs)
    executed = kernels.map { Array(repeating: 0, count: $0.operations.count) }
  }

  /// - Throws: `ExecutionFault` where the program stops or asks for something that is not there.
  func run(_ order: Order) throws(ExecutionFault) {
    let scheduler = Scheduler(order)
    for index in kernels.indices { try run(kernel: index, scheduler, slots: order.slots) }
  }

  private func run(kernel index: Int, _ scheduler: Scheduler, slots count: Int) throws(ExecutionFault) {
    let compiled = kernels[index]
    let run = KernelRun(compiled, slots: min(count, max(compiled.items.count, 1)))
    let actors = compiled.kernel.actors.count
    let perSlot = actors + compiled.queueCount
    scheduler.begin(slots: run.slots.count, perSlot: perSlot, actors: actors)
    while let agent = scheduler.next(run) {
      choices.append(Int32(agent))
      let slot = run.slots[agent / perSlot]
      if let step = slot.advance(agent % perSlot, run) {
        executed[index][step.operation] += 1
        recorder?.begin(kernel: index, slot: slot.number, step)
        if compiled.operations[step.operation].computes {
          try perform(
            compiled.operations[step.operation].action,
            Context(compiled: compiled, slot: slot, step: step, item: compiled.items[step.item]))
        }
        slot.signal(step.operation)
      }
      slot.recycle(run)
    }
    let waiting = run.slots.flatMap { $0.waiting() }
    if !waiting.isEmpty { throw .deadlock(kernel: compiled.kernel.name, waiting: waiting) }
  }

  // MARK: Actions

  /// Where and for which work item an operation executes.
  struct Context {
    let compiled: CompiledKernel
    let slot: CoreSlot
    let step: Step
    let item: WorkItem
    var name: String {
      let operation = compiled.operations[step.operation]
      return "\(compiled.kernel.actors[operation.actor].name), \(operation.name)"
    }
  }

  private func perform(_ action: Action, _ context: Context) throws(ExecutionFault) {
    switch action {
    case .none: break
    case .sequence(let actions):
      for part in actions { try perform(part, context) }
    case .load(let tensor, let coordinate, let into):
      let target = try locate(into, context)
      let value = try fetch(tensor, coordinate, target.rectangle.rows, target.rectangle.columns, context)
      try write(value, buffer: into.buffer.index, slot: target.slot, target.rectangle, context)
    case .store(let source, let tensor, let coordinate):
      try put(try read(source, context), tensor, coordinate, context)
    case .atomicAdd(let source, let tensor, let coordinate):
      let value = try read(source, context)
      let place = try place(tensor, coordinate, table[value].rows, table[value].columns, context)
      memory.add(value, to: place)
    case .matmul(let into, let a, let b, let transposeA, let transposeB, let accumulate):
      let (left, right) = (try read(a, context), try read(b, context))
      let inner = (
        transposeA ? table[left].rows : table[left].columns,
        transposeB ? table[right].columns : table[right].rows
      )
      guard inner.0 == inner.1 else {
        throw .mismatch(
          operation: context.name, message: "the inner dimensions are \(inner.0) and \(inner.1)")
      }
      let before = accumulate ? try read(into, context) : nil
      try write(
        table.matmul(left, right, plus: before, transposeA: transposeA, transposeB: transposeB), to: into,
        context)
    case .mask(let scores, let keyTile, let queryTile): try mask(scores, keyTile, queryTile, context)
    case .fill(let target, let number):
      let (slot, place) = try locate(target, context)
      let value = table.constant(Float(number), rows: place.rows, columns: place.columns)
      try write(value, buffer: target.buffer.index, slot: slot, place, context)
    default: try computeSoftmax(action, context)
    }
  }

  /// Actions on scores, probabilities, statistics and partial results.
  private func computeSoftmax(_ action: Action, _ context: Context) throws(ExecutionFault) {
    switch action {
    case .updateMaximum(let scores, let maximum, let scale, let threshold):
      let old = try read(maximum, context)
      let new = table.maximum(try read(scores, context), old: old, threshold: threshold)
      try write(new, to: maximum, context)
      try write(table.scale(old: old, new: new), to: scale, context)
    case .exponentiate(let scores, let maximum, let share):
      let value = table.probabilities(
        try read(scores, context), maximum: try read(maximum, context), polynomialShare: share)
      try write(value, to: scores, context)
    case .updateSum(let probabilities, let sum, let scale):
      let value = table.rowSum(
        try read(probabilities, context), sum: try read(sum, context), scale: try read(scale, context))
      try write(value, to: sum, context)
    case .convert(let source, let into):
      try write(try read(source, context), to: into, context)
    case .rescale(let target, let scale):
      try write(table.scaleRows(try read(target, context), by: try read(scale, context)), to: target, context)
    case .multiply(let target, let number):
      try write(table.multiply(try read(target, context), by: number), to: target, context)
    case .add(let source, let into):
      try write(table.add(try read(into, context), try read(source, context)), to: into, context)
    case .normalise(let output, let sum, let maximum, let logSumExp):
      let total = try read(sum, context)
      let statistic = table.logSumExp(maximum: try read(maximum, context), sum: total)
      try write(table.divideRows(try read(output, context), by: total), to: output, context)
      try write(statistic, to: logSumExp, context)
    case .mergePartials(let output, let coordinate, let weights):
      try mergePartials(output, coordinate, weights, context)
    case .partialWeights(let coordinate, let into):
      let packed = try partialWeights(coordinate, context)
      // Rows in fewer parts than others leave the last columns alone.
      let (_, rectangle) = try locate(into, context)
      let padded =
        table[packed].columns < rectangle.columns
        ? table.crop(packed, row: 0, rows: rectangle.rows, column: 0, columns: rectangle.columns) : packed
      try write(padded, to: into, context)
    case .rowDot(let a, let b, let into):
      try write(table.rowDot(try read(a, context), try read(b, context)), to: into, context)
    case .recomputeProbabilities(let scores, let logSumExp):
      let value = table.recompute(try read(scores, context), logSumExp: try read(logSumExp, context))
      try write(value, to: scores, context)
    case .scoreGradient(let probabilities, let gradient, let delta, let into):
      let value = table.scoreGradient(
        try read(probabilities, context), gradient: try read(gradient, context),
        delta: try read(delta, context))
      try write(value, to: into, context)
    case .none, .sequence, .load, .store, .atomicAdd, .matmul, .mask, .fill: break
    }
  }

  /// Sets scores that the mask forbids to minus infinity, one batch element of stacked rows after another.
  private func mask(
    _ scores: TileRef, _ keyTile: TileCoordinate, _ queryTile: TileCoordinate?, _ context: Context
  ) throws(ExecutionFault) {
    let keys = context.compiled.kernel.items.keys
    let firstKey = try index(keyTile.index, context) * keyTile.rows + (keys?.lowerBound ?? 0)
    let firstRow: Int
    if let queryTile {
      firstRow = try index(queryTile.index, context) * queryTile.rows
    } else {
      let rows = context.compiled.kernel.buffers[scores.buffer.index].rows
      firstRow = context.item.tile * rows + (scores.rows?.lowerBound ?? 0)
    }
    let packedHeads = context.compiled.kernel.items.packedHeads
    var value = try read(scores, context)
    let rows =
      isStacked(.q, context)
      ? stackedRows(firstRow..<firstRow + table[value].rows, context)
      : [(0, context.item.sequence * packedHeads, firstRow..<firstRow + table[value].rows)]
    for (offset, head, own) in rows {
      let part = table.crop(value, row: offset, rows: own.count, column: 0, columns: table[value].columns)
      let masked = table.masked(
        part, firstRow: own.lowerBound, firstKey: firstKey, packedHeads: packedHeads, head: head,
        lastKey: keys?.upperBound, rowOrder: queryTile?.order, keyOrder: keyTile.order)
      value =
        own.count == table[value].rows ? masked : table.overlay(value, with: masked, row: offset, column: 0)
    }
    try write(value, to: scores, context)
  }

  /// The value of one head's whole output.
  func result(_ tensor: Tensor, head: Int) -> Int32 { memory.result(tensor, head: head) }
}
