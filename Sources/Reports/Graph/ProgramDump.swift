public import HWModels
public import Programs

/// A program as text: what `--dump-program` prints.
///
/// Everything that the simulator reads is on the page, in the order in which it reads it.
public enum ProgramDump {
  public static func text(_ program: Program, on device: Device) -> String {
    var lines = ["program \(program.schedule): \(RequestText.shape(program.shape))"]
    for warning in program.warnings { lines.append("  limit \(warning)") }
    if let placement = program.placement { lines += [""] + DataflowGraphText.dump(placement) }
    if let spatial = program.spatial { lines += [""] + SpatialGraphText.dump(spatial) }
    for kernel in program.kernels { lines += [""] + KernelDump(kernel: kernel, device: device).lines() }
    return lines.joined(separator: "\n") + "\n"
  }
}

private struct KernelDump {
  let kernel: Kernel
  let device: Device

  func lines() -> [String] {
    var lines = ["kernel \(kernel.name)"]
    lines += footprint() + items() + buffers() + barriers()
    for actor in kernel.actors { lines += self.actor(actor) }
    lines +=
      ["  budget of one work item"]
      + kernel.budget(on: device).description.split(separator: "\n").map { "  " + $0 }
    lines.append("    work items on a core at a time: \(kernel.residentItems(on: device))")
    return lines
  }

  private func footprint() -> [String] {
    let needs = kernel.footprint
    var parts = [
      "\(needs.threads) threads", "\(needs.registersPerThread) registers each",
      "\(needs.sharedBytes) B shared",
    ]
    if needs.tensorMemoryColumns > 0 { parts.append("\(needs.tensorMemoryColumns) tensor memory columns") }
    if needs.clusterSize > 1 { parts.append("clusters of \(needs.clusterSize)") }
    return [
      "  footprint  \(parts.joined(separator: ", "))", "  policy     \(ProgramText.policy(kernel.policy))",
    ]
  }

  /// Most classes are alike; the first and last of a long list say enough.
  private static let shownClasses = 8

  private func items() -> [String] {
    let counts = kernel.items.counts
    let classes = Array(zip(kernel.items.classes, counts))
    var lines = ["  items      \(kernel.items.total) in \(classes.count) classes"]
    var table = TextTable([.right, .left, .left])
    func add(_ pair: (ItemClass, Int)) {
      let values = zip(kernel.stepNames(), pair.0.values).map { "\($0) = \($1)" }.joined(separator: ", ")
      table.add("\(pair.1) x", values, "visits \(ProgramText.walk(pair.0.walk))")
    }
    if classes.count <= Self.shownClasses {
      classes.forEach(add)
    } else {
      classes.prefix(Self.shownClasses - 2).forEach(add)
      table.add("...", "\(classes.count - Self.shownClasses + 1) more classes", "")
      classes.suffix(1).forEach(add)
    }
    lines += table.lines(indent: 4)
    return lines
  }

  private func buffers() -> [String] {
    guard !kernel.buffers.isEmpty else { return [] }
    var table = TextTable([.left, .left, .left, .right, .right])
    for buffer in kernel.buffers {
      table.add(
        buffer.name, buffer.space.rawValue,
        "\(buffer.rows) x \(buffer.columns) \(buffer.elementType.rawValue)",
        buffer.slots == 1 ? "" : "\(buffer.slots) slots", "\(buffer.bytes) B")
    }
    return ["  buffers"] + table.lines(indent: 4)
  }

  private func barriers() -> [String] {
    guard !kernel.barriers.isEmpty else { return [] }
    var table = TextTable([.left, .left, .left])
    for barrier in kernel.barriers {
      let initial = barrier.initialPhases > 0 ? ", first \(barrier.initialPhases) complete" : ""
      table.add(barrier.name, barrier.mechanism.rawValue, "arrivals \(barrier.arrivals)\(initial)")
    }
    return ["  barriers"] + table.lines(indent: 4)
  }

  private func actor(_ actor: Actor) -> [String] {
    var lines = ["  actor \(actor.name), \(actor.warps) \(actor.warps == 1 ? "warp" : "warps")"]
    for block in actor.blocks {
      let steps =
        block.stepsPerTrip == 0
        ? "" : ", \(block.stepsPerTrip) \(block.stepsPerTrip == 1 ? "step" : "steps") a trip"
      lines.append("    \(ProgramText.trips(block.trips, kernel))\(steps)")
      var table = TextTable([.left, .left, .left])
      for operation in block.operations {
        table.add(operation.name, operation.unit.rawValue, details(operation))
      }
      lines += table.lines(indent: 6, width: 110)
    }
    return lines
  }

  private func details(_ operation: Operation) -> String {
    var parts = ProgramText.work(operation.work)
    parts += ProgramText.chain(operation.chain)
    let waits = operation.waits.map { kernel.barriers[$0.index].name }
    let signals = operation.signals.map { kernel.barriers[$0.index].name }
    if !waits.isEmpty { parts.append("waits for " + waits.joined(separator: ", ")) }
    if !signals.isEmpty { parts.append("signals " + signals.joined(separator: ", ")) }
    return parts.joined(separator: "; ")
  }
}
