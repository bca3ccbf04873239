import HWModels
import Schedules

/// Runs a program on numbers, in one order.
///
/// Buffers are real storage, barriers are counted phases, asynchronous operations wait in queues (matrix
/// instructions of an actor in one, its copies in one for each barrier at which they arrive) and read their operands when they execute. Several work items are in flight; kernels follow each other.
final class Machine {
  let program: Program
  let kernels: [CompiledKernel]
  let table: ValueTable
  private(set) var memory: DeviceMemory
  /// The agents that went on, in order, all kernels in a row.
  private(set) var choices: [Int32] = []
  /// How often each operation executed, by kernel and by its place among the kernel's operations.
  private(set) var executed: [[Int]]
  /// Set to write down every step.
  var recorder: Recorder?

  /// What a run of `program` starts from: `kernels` compiled once, `table` shared between runs.
  init(program: Program, kernels: [CompiledKernel], table: ValueTable, inputs: [Tensor: [Int32]]) {
    self.program = program
    self.kernels = kernels
    self.table = table
    memory = DeviceMemory(shape: program.shape, table: table, inputs: inputs)
    executed = kernels.map { [Int](repeating: 0, count: $0.operations.count) }
  }

  /// - Throws: `ExecutionFault` where the program stops or asks for something that is not there.
  func run(_ order: Order) throws(ExecutionFault) {
    var scheduler = Scheduler(order)
    for index in kernels.indices { try run(kernel: index, &scheduler, slots: order.slots) }
  }

  private func run(kernel index: Int, _ scheduler: inout Scheduler, slots count: Int) throws(ExecutionFault) {
    let compiled = kernels[index]
    let run = KernelRun(compiled, slots: min(count, max(compiled.items.count, 1)))
    let actors = compiled.kernel.actors.count
    let perSlot = actors + compiled.queues.count
    scheduler.begin(slots: run.slots.count, perSlot: perSlot, actors: actors)
    while let agent = scheduler.next({ run.slots[$0 / perSlot].isEnabled($0 % perSlot) }) {
      choices.append(Int32(agent))
      let slot = run.slots[agent / perSlot]
      if let step = slot.advance(agent % perSlot, run) {
        try perform(step, in: slot, kernel: index)
        slot.signal(step.operation)
      }
      slot.recycle(run)
    }
    let waiting = run.slots.flatMap { $0.waiting() }
    if !waiting.isEmpty { throw .deadlock(kernel: compiled.kernel.name, waiting: waiting) }
  }

  // MARK: Actions

  private func perform(_ step: Step, in slot: CoreSlot, kernel index: Int) throws(ExecutionFault) {
    let compiled = kernels[index]
    executed[index][step.operation] += 1
    let context = Context(compiled: compiled, slot: slot, step: step, item: compiled.items[step.item])
    recorder?.begin(kernel: index, slot: slot.number, step)
    try perform(compiled.operations[step.operation].action, context)
  }

  /// Where and for which work item an operation executes.
  private struct Context {
    let compiled: CompiledKernel
    let slot: CoreSlot
    let step: Step
    let item: WorkItem
    var name: String {
      let actors = compiled.kernel.actors
      let actor = compiled.operations[step.operation].actor
      return "\(actors[actor].name), \(compiled.operations[step.operation].name)"
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
      try write(value, to: into, context)
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
    case .mask(let scores, let keyTile, let queryTile):
      let firstKey = try index(keyTile.index, context) * keyTile.rows
      let firstRow: Int
      if let queryTile {
        firstRow = try index(queryTile.index, context) * queryTile.rows
      } else {
        let rows = context.compiled.kernel.buffers[scores.buffer.index].rows
        firstRow = context.item.tile * rows + (scores.rows?.lowerBound ?? 0)
      }
      let packedHeads = context.compiled.kernel.items.packedHeads
      let value = table.masked(
        try read(scores, context), firstRow: firstRow, firstKey: firstKey, packedHeads: packedHeads,
        head: context.item.sequence * packedHeads, rowOrder: queryTile?.order, keyOrder: keyTile.order)
      try write(value, to: scores, context)
    case .fill(let target, let number):
      let place = try locate(target, context).rectangle
      try write(table.constant(Float(number), rows: place.rows, columns: place.columns), to: target, context)
    case .updateMaximum(let scores, let maximum, let scale, let threshold):
      let old = try read(maximum, context)
      let new = table.maximum(try read(scores, context), old: old, threshold: threshold)
      try write(new, to: maximum, context)
      try write(table.scale(old: old, new: new), to: scale, context)
    case .exponentiate(let scores, let maximum, let share, let offset):
      let value = table.probabilities(
        try read(scores, context), maximum: try read(maximum, context), polynomialShare: share,
        log2Offset: offset)
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
    case .normalise(let output, let sum, let maximum, let logSumExp, let offset):
      let total = try read(sum, context)
      let statistic = table.logSumExp(maximum: try read(maximum, context), sum: total, log2Offset: offset)
      try write(table.divideRows(try read(output, context), by: total), to: output, context)
      try write(statistic, to: logSumExp, context)
    case .mergeState(let other, let into):
      try merge(other, into, context)
    case .mergePartials(let output, let coordinate, let weights):
      try mergePartials(output, coordinate, weights, context)
    case .partialWeights(let coordinate, let into):
      try write(try partialWeights(coordinate, context).packed, to: into, context)
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
    }
  }

  private func merge(
    _ other: SoftmaxState, _ into: SoftmaxState, _ context: Context
  ) throws(ExecutionFault) {
    let (m0, m1) = (try read(into.maximum, context), try read(other.maximum, context))
    let most = table.larger(m0, m1)
    let (s0, s1) = (table.scale(old: m0, new: most), table.scale(old: m1, new: most))
    let sum = table.add(
      table.scaleRows(try read(into.sum, context), by: s0),
      table.scaleRows(try read(other.sum, context), by: s1))
    let output = table.add(
      table.scaleRows(try read(into.output, context), by: s0),
      table.scaleRows(try read(other.output, context), by: s1))
    try write(most, to: into.maximum, context)
    try write(sum, to: into.sum, context)
    try write(output, to: into.output, context)
  }

  /// `O = sum of exp(L_s - L) O_s`.
  private func mergePartials(
    _ output: Tensor, _ coordinate: TileCoordinate, _ weights: TileRef?, _ context: Context
  ) throws(ExecutionFault) {
    let columns = DeviceMemory.extent(.partialO, program.shape).columns
    var factors: [Int32] = []
    if let weights {
      let packed = try read(weights, context)
      for split in 0..<table[packed].columns {
        factors.append(table.crop(packed, row: 0, rows: coordinate.rows, column: split, columns: 1))
      }
    } else {
      factors = try partialWeights(coordinate, context).single
    }
    var merged: Int32?
    for (factor, split) in zip(factors, try writtenSplits(coordinate, context)) {
      var part = coordinate
      part.split = .fixed(split)
      let scaled = table.scaleRows(try fetch(.partialO, part, coordinate.rows, columns, context), by: factor)
      merged = merged.map { table.add($0, scaled) } ?? scaled
    }
    if let merged { try put(merged, output, coordinate, context) }
  }

  /// `exp(L_s - L)` for each split s, one by one and as the columns of one tile; writes L.
  private func partialWeights(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> (single: [Int32], packed: Int32) {
    var statistics: [Int32] = []
    for split in try writtenSplits(coordinate, context) {
      var part = coordinate
      part.split = .fixed(split)
      statistics.append(try fetch(.partialLogSumExp, part, coordinate.rows, 1, context))
    }
    let largest = statistics.dropFirst().reduce(statistics[0]) { table.larger($0, $1) }
    let unscaled = statistics.map { table.partialWeight($0, largest: largest) }
    let total = unscaled.dropFirst().reduce(unscaled[0]) { table.add($0, $1) }
    let merged = table.mergedLogSumExp(largest: largest, weights: total)
    try put(merged, .logSumExp, coordinate, context)
    let weights = unscaled.map { table.divideRows($0, by: total) }
    var packed = table.constant(0, rows: coordinate.rows, columns: weights.count)
    for (split, weight) in weights.enumerated() {
      packed = table.overlay(packed, with: weight, row: 0, column: split)
    }
    return (weights, packed)
  }

  /// Splits that some item wrote for these rows: a tile can be cut into fewer parts than another, and an empty part
  /// writes nothing.
  private func writtenSplits(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> [Int] {
    var found: [Int] = []
    for split in 0..<memory.splits {
      var part = coordinate
      part.split = .fixed(split)
      let places =
        isFlat(.partialLogSumExp, context)
        ? try pieces(.partialLogSumExp, part, coordinate.rows, 1, context).map(\.1)
        : [try place(.partialLogSumExp, part, coordinate.rows, 1, context)]
      if places.contains(where: { memory.isWritten($0) }) { found.append(split) }
    }
    guard !found.isEmpty else {
      throw .mismatch(operation: context.name, message: "no split wrote these rows")
    }
    return found
  }

  // MARK: Places

  private func locate(
    _ ref: TileRef, _ context: Context
  ) throws(ExecutionFault) -> (slot: Int, rectangle: Rectangle) {
    let buffer = context.compiled.kernel.buffers[ref.buffer.index]
    let number: Int
    switch ref.slot {
    case .fixed(let fixed): number = fixed
    case .step(let offset): number = context.step.stepsBefore + context.step.step + offset
    case .item: number = context.step.itemsBefore
    }
    let slot = ((number % buffer.slots) + buffer.slots) % buffer.slots
    let rows = ref.rows ?? 0..<buffer.rows
    let columns = ref.columns ?? 0..<buffer.columns
    guard rows.lowerBound >= 0, rows.upperBound <= buffer.rows, columns.upperBound <= buffer.columns else {
      throw .mismatch(operation: context.name, message: "the tile lies outside of buffer \(buffer.name)")
    }
    return (
      slot,
      Rectangle(row: rows.lowerBound, rows: rows.count, column: columns.lowerBound, columns: columns.count)
    )
  }

  private func read(_ ref: TileRef, _ context: Context) throws(ExecutionFault) -> Int32 {
    let (slot, rectangle) = try locate(ref, context)
    let value = context.slot.storage[ref.buffer.index][slot].read(rectangle, in: table)
    recorder?.read(.buffer(ref.buffer.index, slot: slot), value: value)
    return value
  }

  private func write(_ value: Int32, to ref: TileRef, _ context: Context) throws(ExecutionFault) {
    let (slot, rectangle) = try locate(ref, context)
    let tile = table[value]
    guard tile.rows == rectangle.rows, tile.columns == rectangle.columns else {
      throw .mismatch(
        operation: context.name,
        message: "a result of \(tile.rows) x \(tile.columns) goes to a tile of \(rectangle.rows) x "
          + "\(rectangle.columns) of buffer \(context.compiled.kernel.buffers[ref.buffer.index].name)")
    }
    let rounded = table.rounded(value, to: context.compiled.kernel.buffers[ref.buffer.index].elementType)
    context.slot.write(rounded, buffer: ref.buffer.index, slot: slot, rectangle)
    recorder?.write(.buffer(ref.buffer.index, slot: slot), value: rounded)
  }

  private func index(_ index: TileIndex, _ context: Context) throws(ExecutionFault) -> Int {
    switch index {
    case .item(let scale, let offset): return context.item.tile * scale + offset
    case .walk(let offset, let stepsPerTile): return try walked(offset, stepsPerTile, context)
    }
  }

  private func walked(_ offset: Int, _ stepsPerTile: Int, _ context: Context) throws(ExecutionFault) -> Int {
    let walk = context.compiled.kernel.items.classes[context.item.itemClass].walk
    let place = (context.step.step + offset) / stepsPerTile
    guard let tile = walk.tile(at: place) else {
      throw .mismatch(
        operation: context.name,
        message: "place \(place) lies past the end of a walk of \(walk.count) tiles")
    }
    return tile
  }

  /// Reads rows and columns of a tensor in device memory.
  private func fetch(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> Int32 {
    let value: Int32
    if coordinate.order != nil || isFlat(tensor, context) {
      var whole = table.constant(0, rows: rows, columns: columns)
      for (offset, piece) in try pieces(tensor, coordinate, rows, columns, context) {
        whole = table.overlay(whole, with: memory.read(piece), row: offset, column: 0)
      }
      value = whole
    } else {
      value = memory.read(try place(tensor, coordinate, rows, columns, context))
    }
    recorder?.read(.memory(tensor), value: value)
    return value
  }

  /// Writes rows and columns of a tensor in device memory.
  private func put(
    _ value: Int32, _ tensor: Tensor, _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) {
    let tile = table[value]
    if coordinate.order != nil || isFlat(tensor, context) {
      for (offset, piece) in try pieces(tensor, coordinate, tile.rows, tile.columns, context) {
        let part = table.crop(
          value, row: offset, rows: piece.rectangle.rows, column: 0, columns: tile.columns)
        memory.write(part, to: piece)
      }
    } else {
      memory.write(value, to: try place(tensor, coordinate, tile.rows, tile.columns, context))
    }
    recorder?.write(.memory(tensor), value: value)
  }

  /// Whether the kernel takes the query rows of all heads as one sequence.
  private func isFlat(_ tensor: Tensor, _ context: Context) -> Bool {
    context.compiled.sequences == 1 && !tensor.isPerKeyValueHead
      && program.shape.batch * program.shape.headsQ > 1
      && context.compiled.kernel.items.packedHeads == 1
  }

  /// The parts of a run of rows over all heads that lie in one head each, with their offsets in the run; for rows of a
  /// token order those of neighbouring tokens.
  private func pieces(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> [(Int, DeviceMemory.Place)] {
    let shape = program.shape
    let first = try index(coordinate.index, context) * coordinate.rows + coordinate.firstRow
    if let order = coordinate.order {
      let whole = try place(tensor, coordinate, rows, columns, context)
      return order.runs(of: first..<min(first + rows, order.rows)).map { run in
        var place = whole
        place.rectangle.row = run.tokens.lowerBound
        place.rectangle.rows = run.tokens.count
        return (run.offset, place)
      }
    }
    let last = min(first + rows, shape.batch * shape.headsQ * shape.seqQ)
    var found: [(Int, DeviceMemory.Place)] = []
    var row = first
    while row < last {
      let head = row / shape.seqQ
      let end = min((head + 1) * shape.seqQ, last)
      found.append(
        (
          row - first,
          DeviceMemory.Place(
            tensor: tensor, head: head, packedHeads: 1, split: try split(tensor, coordinate, context),
            rectangle: Rectangle(
              row: row - head * shape.seqQ, rows: end - row, column: coordinate.firstColumn, columns: columns)
          )
        ))
      row = end
    }
    return found
  }

  private func split(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> Int {
    guard tensor.isPartial else { return 0 }
    switch coordinate.split {
    case .item: return context.item.split
    case .tile: return context.item.tile
    case .fixed(let fixed): return fixed
    case .walk(let offset): return try walked(offset, 1, context)
    }
  }

  private func place(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> DeviceMemory.Place {
    let shape = program.shape
    let packedHeads = context.compiled.kernel.items.packedHeads
    let sequences = context.compiled.sequences
    let head: Int
    if sequences * packedHeads == shape.batch * shape.headsQ {
      let first = context.item.sequence * packedHeads
      head = tensor.isPerKeyValueHead ? first / shape.group : first
    } else if sequences == shape.batch * shape.headsKV, tensor.isPerKeyValueHead {
      head = context.item.sequence
    } else {
      throw .mismatch(
        operation: context.name,
        message: "\(sequences) sequences do not say which head of \(tensor.rawValue) is meant")
    }
    return DeviceMemory.Place(
      tensor: tensor, head: head, packedHeads: tensor.isPerKeyValueHead ? 1 : packedHeads,
      split: try split(tensor, coordinate, context),
      rectangle: Rectangle(
        row: try index(coordinate.index, context) * coordinate.rows + coordinate.firstRow, rows: rows,
        column: coordinate.firstColumn,
        columns: columns))
  }

  /// The value of one head's whole output.
  func result(_ tensor: Tensor, head: Int) -> Int32 { memory.result(tensor, head: head) }
}

extension Tensor {
  /// Whether it holds one part per split.
  var isPartial: Bool {
    switch self {
    case .partialO, .partialLogSumExp, .partialMaximum, .partialSum: true
    default: false
    }
  }
}

/// Why a run cannot go on.
package enum ExecutionFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Every unfinished actor waits.
  case deadlock(kernel: String, waiting: [String])
  /// Tiles that do not fit each other or lie outside of what they are part of.
  case mismatch(operation: String, message: String)

  package var description: String {
    switch self {
    case .deadlock(let kernel, let waiting): "deadlock in \(kernel): " + waiting.joined(separator: "; ")
    case .mismatch(let operation, let message): "\(operation): \(message)"
    }
  }
}
