import Attention
import HWModels
import Programs

/// The kernel that merges what parts of the keys gave each row: weights from the parts' log-sum-exps, their outputs added.
///
/// A work item owns a few rows. Kernels differ in how rows are dealt, in when weights are known, in how many loads wait
/// together, and in what they do for rows in one part or none; each family states its own.
///
/// Counts of steps are a family's; bytes of statistics, partial outputs and results are added here.
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

  private struct Buffers {
    let statistics: TileRef
    /// The same where they are the weights of all parts.
    let weights: TileRef?
    /// Storage of parts that are being added, or the ring.
    let part: TileRef
    let ring: Ring?
  }

  private var elements: Double { Double(rows * shape.headDimV) }
  private var warps: Int { footprint.threads / 32 }
  private var own: TileCoordinate { TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0)) }
  /// The output or statistics of a part `offset` parts on.
  private func ofPart(_ offset: Int = 0) -> TileCoordinate {
    TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0), split: .walk(offset: offset))
  }

  func kernel(
    _ items: ItemSpace, order: ItemOrder = .tilesFastest, on device: Device
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: name)
    let buffers = buffers(&builder)
    if let ring {
      builder.actor("copies", warps: warps) { actor in
        actor.once { lookUp.map { operation($0, .vector) } }
        actor.each(\.parts) { copying(ring.copy, buffers) }
      }
    }
    builder.actor("warps", warps: warps) { actor in
      actor.once { lookUp.map { operation($0, .vector) } }
      switch weights {
      case .together(let step): actor.when(\.merged) { weighing(step, buffers) }
      case .inTurn(let step): actor.each(\.parts) { statistics(step, bytes: 4, buffers) }
      case .running: break
      }
      for count in unrolled { actor.each(loop(count), steps: count) { adding(count, buffers) } }
      actor.when(\.merged) { storing(.mergePartials(output: .o, coordinate: own, weights: buffers.weights)) }
      if writesEmptyRows { actor.when(\.empty) { storingZeros(buffers) } }
    }
    return try builder.build(
      items: items, policy: .grid(order: order), footprint: footprint, role: .postprocess, on: device)
  }

  private func buffers(_ builder: inout KernelBuilder<Steps>) -> Buffers {
    let isTogether = if case .together = weights { true } else { false }
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
    return Buffers(statistics: statistics, weights: isTogether ? statistics : nil, part: part, ring: slots)
  }

  // MARK: Operations

  private func operation(
    _ step: Step, _ unit: Operation.Unit, waits: [BarrierID] = [], signals: [BarrierID] = [],
    action: Action = .none, _ bytes: (inout Work) -> Void = { _ in }
  ) -> Operation {
    var work = step.work
    bytes(&work)
    return Operation(
      step.name, unit, work: work, chain: step.chain, waits: waits, signals: signals, action: action)
  }

  private func copying(_ step: Step, _ buffers: Buffers) -> Operation {
    operation(
      step, .loadAsync, waits: buffers.ring.map { [$0.empty] } ?? [],
      signals: buffers.ring.map { [$0.full] } ?? [], action: .load(.partialO, ofPart(), into: buffers.part)
    ) {
      $0.streamRead = elements * Double(partialElement)
      $0.sharedWrite = elements * Double(partialElement)
    }
  }

  private func weighing(_ step: Step, _ buffers: Buffers) -> Operation {
    operation(step, .loadStore, action: .partialWeights(own, into: buffers.statistics)) {
      $0.streamRead = Double(mostParts * rows * 4)
    }
  }

  private func statistics(_ step: Step, bytes: Int, _ buffers: Buffers) -> Operation {
    operation(step, .loadStore, action: .load(.partialLogSumExp, ofPart(), into: buffers.statistics)) {
      $0.streamRead = Double(rows * bytes)
    }
  }

  /// Adds `count` parts, whose loads wait together.
  @OperationList private func adding(_ count: Int, _ buffers: Buffers) -> [Operation] {
    let bytes = elements * Double(partialElement)
    if let ring = buffers.ring {
      Operation("wait for a part", .sync, waits: [ring.full])
      operation(add(count), .vector, signals: [ring.empty]) { $0.sharedRead = bytes + Double(rows * 4) }
    } else {
      let outputs = (0..<count).map { Action.load(.partialO, ofPart($0), into: buffers.part) }
      let withStatistics = if case .running(nil) = weights { true } else { false }
      if let wait { operation(wait, .vector) }
      if case .running(let step?) = weights { statistics(step, bytes: 8, buffers) }
      operation(
        add(count), .loadStore,
        action: .sequence(
          outputs
            + (withStatistics ? [.load(.partialLogSumExp, ofPart(), into: buffers.statistics)] : []))
      ) { $0.streamRead = Double(count) * bytes + (withStatistics ? Double(rows * 8) : 0) }
    }
  }

  private func storing(_ action: Action) -> Operation {
    operation(store, .loadStore, action: action) {
      $0.convert = elements
      $0.globalWrite =
        Double((storedRows ?? rows) * shape.headDimV * 2) + (storesLogSumExp ? Double(rows * 4) : 0)
    }
  }

  private func storingZeros(_ buffers: Buffers) -> Operation {
    storing(
      .sequence([
        .fill(buffers.part, 0), .fill(buffers.statistics, -Double.infinity), .store(buffers.part, .o, own),
        .store(buffers.statistics, .logSumExp, own),
      ]))
  }

  // MARK: Work items

  /// Neighbouring work items whose rows are in the same parts; in none where the kernel before wrote their output.
  struct Run {
    let parts: ItemClass.Walk
    let count: Int
  }

  /// Rows of all heads and sequences, one after the other.
  func items(_ runs: [Run]) -> ItemSpace { items([(1, runs)]) }

  private struct Key: Hashable {
    let parts: ItemClass.Walk
    let run: Int
  }

  /// - Parameters:
  ///   - groups: work items of a sequence, and how many sequences have the same.
  ///   - classPerRun: equal runs that are no neighbours are told apart.
  func items(
    _ groups: [(count: Int, runs: [Run])], packedHeads: Int = 1, classPerRun: Bool = false
  ) -> ItemSpace {
    var list = ItemList<Key>()
    for (count, runs) in groups {
      var own: [ItemSpace.TileRun] = []
      for run in runs where run.count > 0 {
        let place = list.place(of: Key(parts: run.parts, run: classPerRun ? list.classes.count : 0)) {
          itemClass(run.parts)
        }
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
    if case .inTurn = weights { steps.parts = parts.count }
    var left = parts.count
    for count in unrolled {
      steps[keyPath: loop(count)] = left / count
      left %= count
    }
    // A loop over statistics walks the parts before the loops over outputs do.
    if case .inTurn = weights, case .ascending(let range) = parts {
      return ItemClass(steps, walk: .runs([range, range]))
    }
    return ItemClass(steps, walk: parts)
  }
}

extension Merge.Run {
  init(parts: Int, count: Int) { self.init(parts: .ascending(0..<parts), count: count) }
}
