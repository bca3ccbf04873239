import Attention
import HWModels
import Programs

/// The kernel that merges what parts of the keys gave each row: weights from the parts' log-sum-exps, their outputs added.
///
/// A work item owns a few rows. Families state how rows are dealt, when weights are known, how many loads wait together and
/// what a step takes; bytes of statistics, partial outputs and results are added here.
struct Merge {
  /// Arithmetic of an operation, and what a lane waits for in it.
  struct Step {
    let name: String
    let chain: Chain
    let work: Work

    init(_ name: String, chain: Chain = Chain(), _ fill: (inout Work) -> Void = { _ in }) {
      self.name = name
      self.chain = chain
      work = .of(fill)
    }
  }

  /// When the weights of the parts are known.
  enum Weights {
    /// Before the first output, from all log-sum-exps at once; they lie in shared memory.
    case together(Step)
    /// Before the first output, from one log-sum-exp after the other.
    case inTurn(Step)
    /// Never: every part scales what was added before. Maxima and sums come by a load of their own, or with the output.
    case running(Step?)
  }

  let schedule: String
  var name = "combine"
  let shape: AttentionShape
  /// Rows of a work item.
  let rows: Int
  /// Most parts of a row.
  let mostParts: Int
  /// Fewest parts of a row that are merged here.
  var fewestParts = 1
  let footprint: Footprint
  /// Looks up how many parts there are.
  var lookUp: Step?
  let weights: Weights
  /// Waits for the work item that computes a part.
  var wait: Step?
  /// Slots of a ring through which as many other warps copy parts to those that add them.
  var ring: (slots: Int, copy: Step)?
  /// Parts whose loads wait together: as many times the first as there are, then the next.
  var unrolled = [1]
  /// Adds that many parts.
  let add: (Int) -> Step
  /// Bytes of an element of a partial output.
  var partialElement = 4
  let store: Step
  /// Rows of a work item that exist, where that is not all.
  var storedRows: Int?
  var storesLogSumExp = false
  /// Whether rows without parts are written here, as zeros.
  var writesEmptyRows = false

  private struct Steps: StepCounts {
    /// Whether it merges, or writes zeros.
    var merged = 0
    var empty = 0
    /// Parts where a loop takes one after the other; else in fours, in twos and the last alone.
    var parts = 0
    var quads = 0
    var pairs = 0
    var singles = 0
  }

  /// The weights of all parts, or the log-sum-exps of one; parts that are being added, or a slot of the ring.
  private typealias Buffers = (statistics: TileRef, part: TileRef, ring: Ring?)

  private var elements: Double { Double(rows * shape.headDimV) }
  private var warps: Int { footprint.threads / 32 }
  private var partBytes: Double { elements * Double(partialElement) }
  private var isTogether: Bool { if case .together = weights { true } else { false } }
  private func rows(of split: SplitIndex) -> TileCoordinate {
    TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0), split: split)
  }

  func kernel(
    _ items: ItemSpace, order: ItemOrder = .tilesFastest, on device: Device
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: name)
    let buffers = buffers(&builder)
    if let ring, let slots = buffers.ring {
      builder.actor("copies", warps: warps) { actor in
        actor.once { lookUp.map { operation($0, .vector) } }
        actor.each(\.parts) { copying(ring.copy, slots, buffers) }
      }
    }
    builder.actor("warps", warps: warps) { actor in
      actor.once { lookUp.map { operation($0, .vector) } }
      switch weights {
      case .together(let step):
        let action = Action.partialWeights(rows(of: .item), into: buffers.statistics)
        actor.when(\.merged) { statistics(step, bytesPerRow: mostParts * 4, action) }
      case .inTurn(let step):
        actor.each(\.parts) { statistics(step, bytesPerRow: 4, loadStatistics(buffers)) }
      case .running: break
      }
      for count in unrolled { actor.each(loop(count), steps: count) { adding(count, buffers) } }
      let sum = Action.mergePartials(
        output: .o, coordinate: rows(of: .item), weights: isTogether ? buffers.statistics : nil)
      actor.when(\.merged) { storing(sum) }
      if writesEmptyRows { actor.when(\.empty) { storing(zeros(buffers)) } }
    }
    return try builder.build(
      items: items, policy: .grid(order: order), footprint: footprint, role: .postprocess, on: device)
  }

  private func buffers(_ builder: inout KernelBuilder<Steps>) -> Buffers {
    let statistics = TileRef(
      isTogether
        ? builder.buffer("weights", .shared, rows: rows, columns: mostParts, type: .fp32)
        : builder.buffer("part lse", .registers, rows: rows, columns: 1, type: .fp32))
    let slots = ring.map {
      builder.ring(
        "part O", rows: rows, columns: shape.headDimV, type: .fp32, slots: $0.slots, consumers: 1,
        mechanism: .completion)
    }
    let part =
      slots.map { TileRef($0.buffer, .step(offset: 0)) }
      ?? TileRef(builder.buffer("part O", .registers, rows: rows, columns: shape.headDimV, type: .fp32))
    return (statistics, part, slots)
  }

  private func operation(
    _ step: Step, _ unit: Operation.Unit, waits: [BarrierID] = [], signals: [BarrierID] = [],
    action: Action = .none, _ bytes: (inout Work) -> Void = { _ in }
  ) -> Operation {
    var work = step.work
    bytes(&work)
    return Operation(
      step.name, unit, work: work, chain: step.chain, waits: waits, signals: signals, action: action)
  }

  private func copying(_ step: Step, _ ring: Ring, _ buffers: Buffers) -> Operation {
    operation(
      step, .loadAsync, waits: [ring.empty], signals: [ring.full],
      action: .load(.partialO, rows(of: .walk(offset: 0)), into: buffers.part)
    ) {
      $0.streamRead = partBytes
      $0.sharedWrite = partBytes
    }
  }

  private func statistics(_ step: Step, bytesPerRow: Int, _ action: Action) -> Operation {
    operation(step, .loadStore, action: action) { $0.streamRead = Double(rows * bytesPerRow) }
  }

  private func loadStatistics(_ buffers: Buffers) -> Action {
    .load(.partialLogSumExp, rows(of: .walk(offset: 0)), into: buffers.statistics)
  }

  /// Adds `count` parts, whose loads wait together.
  @OperationList private func adding(_ count: Int, _ buffers: Buffers) -> [Operation] {
    if let ring = buffers.ring {
      Operation("wait for a part", .sync, waits: [ring.full])
      operation(add(count), .vector, signals: [ring.empty]) { $0.sharedRead = partBytes + Double(rows * 4) }
    } else {
      let outputs = (0..<count).map {
        Action.load(.partialO, rows(of: .walk(offset: $0)), into: buffers.part)
      }
      let withStatistics = if case .running(nil) = weights { true } else { false }
      if let wait { operation(wait, .vector) }
      if case .running(let step?) = weights { statistics(step, bytesPerRow: 8, loadStatistics(buffers)) }
      operation(
        add(count), .loadStore,
        action: .sequence(outputs + (withStatistics ? [loadStatistics(buffers)] : []))
      ) { $0.streamRead = Double(count) * partBytes + (withStatistics ? Double(rows * 8) : 0) }
    }
  }

  private func storing(_ action: Action) -> Operation {
    operation(store, .loadStore, action: action) {
      $0.convert = elements
      $0.globalWrite =
        Double((storedRows ?? rows) * shape.headDimV * 2) + (storesLogSumExp ? Double(rows * 4) : 0)
    }
  }

  private func zeros(_ buffers: Buffers) -> Action {
    .sequence([
      .fill(buffers.part, 0), .fill(buffers.statistics, -Double.infinity),
      .store(buffers.part, .o, rows(of: .item)), .store(buffers.statistics, .logSumExp, rows(of: .item)),
    ])
  }

  // MARK: Work items

  /// Neighbouring work items whose rows are in the same parts; in none where the kernel before wrote their output.
  struct Run {
    let parts: ItemClass.Walk
    let count: Int
  }

  /// Rows of all heads and sequences, one after the other.
  func items(_ runs: [Run]) -> ItemSpace { items([(1, runs)]) }

  /// - Parameters:
  ///   - groups: work items of a sequence, and how many sequences have the same.
  ///   - classPerRun: equal runs that are no neighbours are told apart.
  func items(
    _ groups: [(count: Int, runs: [Run])], packedHeads: Int = 1, classPerRun: Bool = false
  ) -> ItemSpace {
    var list = ItemList<ItemClass.Walk>()
    for (count, runs) in groups {
      var own: [ItemSpace.TileRun] = []
      for run in runs where run.count > 0 {
        let place =
          classPerRun
          ? list.append(itemClass(run.parts)) : list.place(of: run.parts) { itemClass(run.parts) }
        if own.last?.itemClass == place {
          own[own.count - 1].count += run.count
        } else {
          own.append(.init(itemClass: place, count: run.count))
        }
      }
      list.append(.init(count: count, runs: own))
    }
    return ItemSpace(classes: list.classes, groups: list.groups, packedHeads: packedHeads)
  }

  private func loop(_ count: Int) -> WritableKeyPath<Steps, Int> {
    switch count {
    case 1: unrolled == [1] ? \.parts : \.singles
    case 2: \.pairs
    case 4: \.quads
    default: fatalError("a merge has no loop of \(count) parts a trip")
    }
  }

  private func itemClass(_ parts: ItemClass.Walk) -> ItemClass {
    guard parts.count >= fewestParts else { return ItemClass(Steps(empty: 1), walk: parts) }
    var steps = Steps(merged: 1)
    var left = parts.count
    for count in unrolled {
      steps[keyPath: loop(count)] = left / count
      left %= count
    }
    guard case .inTurn = weights, case .ascending(let range) = parts else {
      return ItemClass(steps, walk: parts)
    }
    // A loop over statistics walks the parts before the loops over outputs do.
    steps.parts = parts.count
    return ItemClass(steps, walk: .runs([range, range]))
  }
}
