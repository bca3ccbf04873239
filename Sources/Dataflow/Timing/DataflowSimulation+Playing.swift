import Results

/// The firings of one node.
extension DataflowSimulation {
  /// Plays a node until it waits for another or its turn is over; whether it did anything.
  package mutating func play(_ index: Int, takesParts: Bool) -> Bool {
    let node = nodes.base + index
    var left = turn
    var acted = false
    while left > 0, node.pointee.remaining > 0 {
      // The first firing is played alone: it says when the node starts.
      if node.pointee.step == 0, node.pointee.fired > 0, recorder == nil {
        let count = plainFirings(node, atMost: left)
        if count > 0 {
          fire(node, count)
          left -= count
          acted = true
          continue
        }
      }
      guard takesParts || canFinish(node) else { return acted }
      let step = node.pointee.step
      let isDone = fireOne(index)
      if isDone || node.pointee.step != step { acted = true }
      guard isDone else { return acted }
      left -= 1
    }
    return acted
  }

  /// Whether the firing under way, or the next, can be played to its end.
  private func canFinish(_ node: UnsafeMutablePointer<DataflowState.Node>) -> Bool {
    let first = node.pointee.ports
    for input in node.pointee.step..<max(node.pointee.inputs, node.pointee.step) {
      let port = ports.base[first + input]
      if port.countdown == 1, fifos.base[port.fifo].occupied == 0 { return false }
    }
    for output in max(node.pointee.step - node.pointee.inputs - 1, 0)..<node.pointee.outputs {
      let port = ports.base[first + node.pointee.inputs + output]
      if port.countdown == 1, fifos.base[port.fifo].room <= 0 { return false }
    }
    return true
  }

  /// Firings that need no more than the ports due at each, and do not have to wait for another node to play.
  private func plainFirings(_ node: UnsafeMutablePointer<DataflowState.Node>, atMost limit: Int) -> Int {
    var count = min(limit, node.pointee.remaining)
    if node.pointee.isGrouped {
      let first = node.pointee.ports
      for port in first..<(first + node.pointee.inputs + node.pointee.outputs) {
        let state = ports.base[port]
        if !state.isPlain { count = min(count, state.countdown - 1) }
      }
    }
    let listed = plain.base + node.pointee.plainPorts
    for place in 0..<node.pointee.plainInputs { count = min(count, fifos.base[listed[place]].occupied) }
    for place in 0..<node.pointee.plainOutputs {
      count = min(count, fifos.base[listed[node.pointee.plainInputs + place]].room)
    }
    return count
  }

  /// `count` firings in a row in which only plain ports are due.
  private mutating func fire(_ node: UnsafeMutablePointer<DataflowState.Node>, _ count: Int) {
    let listed = plain.base + node.pointee.plainPorts
    let inputs = node.pointee.plainInputs
    let outputs = node.pointee.plainOutputs
    for place in 0..<outputs {
      let fifo = fifos.base + listed[inputs + place]
      if fifo.pointee.writes + count > fifo.pointee.safe { makeRoom(listed[inputs + place], for: count) }
    }
    let (latency, interval) = (node.pointee.latency, node.pointee.interval)
    let (credit, channel) = (timing.creditLatency, timing.channelLatency)
    var time = node.pointee.time
    for _ in 0..<count {
      for place in 0..<inputs {
        let fifo = fifos.base + listed[place]
        let element = fifo.pointee.reads
        let visible = fifo.pointee.visible(element)
        if visible > time {
          time = visible
          fifo.pointee.lastAwaited = element
        }
        fifo.pointee.freed[element & fifo.pointee.mask] = time &+ credit &- fifo.pointee.shiftOut
        fifo.pointee.reads = element &+ 1
      }
      let stamp = time &+ latency
      if timing.isBroadcastAtomic {
        for place in inputs..<(inputs + outputs) { time = max(time, freeSlot(listed[place])) }
      }
      for place in inputs..<(inputs + outputs) {
        let fifo = fifos.base + listed[place]
        let element = fifo.pointee.writes
        let slot = element & fifo.pointee.mask
        if element >= fifo.pointee.depth {
          time = max(time, fifo.pointee.freed(element &- fifo.pointee.depth))
        }
        fifo.pointee.entered[slot] = time &- fifo.pointee.shiftIn
        fifo.pointee.visible[slot] = max(stamp, time &+ channel) &- fifo.pointee.shiftIn
        fifo.pointee.writes = element &+ 1
      }
      time = time &+ interval
    }
    node.pointee.time = time
    node.pointee.fired += count
    node.pointee.remaining -= count
    if node.pointee.isGrouped {
      let first = node.pointee.ports
      for port in first..<(first + node.pointee.inputs + node.pointee.outputs)
      where !ports.base[port].isPlain && ports.base[port].countdown != DataflowState.Port.never {
        ports.base[port].countdown -= count
      }
    }
    outcome.events += count * (inputs + outputs)
  }

  /// When the slot that the next element would take is free.
  private func freeSlot(_ index: Int) -> Int {
    let fifo = fifos.base + index
    guard fifo.pointee.writes >= fifo.pointee.depth else { return 0 }
    return fifo.pointee.freed(fifo.pointee.writes - fifo.pointee.depth)
  }

  /// Goes on with one firing, step by step, from where it stopped; whether it is done.
  private mutating func fireOne(_ index: Int) -> Bool {
    let node = nodes.base + index
    let first = node.pointee.ports
    while node.pointee.step < node.pointee.inputs {
      let port = ports.base + first + node.pointee.step
      if port.pointee.countdown == 1 {
        let fifo = fifos.base + port.pointee.fifo
        guard fifo.pointee.occupied > 0 else { return false }
        let element = fifo.pointee.reads
        let visible = fifo.pointee.visible(element)
        if visible > node.pointee.time {
          node.pointee.time = visible
          fifo.pointee.lastAwaited = element
        }
        fifo.pointee.freed[element & fifo.pointee.mask] =
          node.pointee.time + timing.creditLatency - fifo.pointee.shiftOut
        fifo.pointee.reads += 1
        recorder?.left(port.pointee.fifo, at: node.pointee.time + timing.creditLatency)
        outcome.events += 1
      }
      node.pointee.step += 1
    }
    if node.pointee.step == node.pointee.inputs {
      if timing.isBroadcastAtomic {
        var time = node.pointee.time
        for output in 0..<node.pointee.outputs {
          let port = ports.base + first + node.pointee.inputs + output
          guard port.pointee.countdown == 1 else { continue }
          guard fifos.base[port.pointee.fifo].room > 0 else { return false }
          time = max(time, freeSlot(port.pointee.fifo))
        }
        node.pointee.stamp = node.pointee.time + node.pointee.latency
        node.pointee.time = time
      } else {
        node.pointee.stamp = node.pointee.time + node.pointee.latency
      }
      if node.pointee.fired == 0 { node.pointee.start = node.pointee.stamp - node.pointee.latency }
      recorder?.began(index, firing: node.pointee.fired, at: node.pointee.stamp - node.pointee.latency)
      node.pointee.step += 1
    }
    while node.pointee.step - node.pointee.inputs - 1 < node.pointee.outputs {
      let port = ports.base + first + node.pointee.step - 1
      if port.pointee.countdown == 1 {
        guard fifos.base[port.pointee.fifo].room > 0 else { return false }
        let fifo = fifos.base + port.pointee.fifo
        if fifo.pointee.writes + 1 > fifo.pointee.safe { makeRoom(port.pointee.fifo, for: 1) }
        node.pointee.time = max(node.pointee.time, freeSlot(port.pointee.fifo))
        let slot = fifo.pointee.writes & fifo.pointee.mask
        fifo.pointee.entered[slot] = node.pointee.time - fifo.pointee.shiftIn
        fifo.pointee.visible[slot] =
          max(node.pointee.stamp, node.pointee.time + timing.channelLatency) - fifo.pointee.shiftIn
        fifo.pointee.writes += 1
        recorder?.entered(port.pointee.fifo, at: node.pointee.time)
        outcome.events += 1
      }
      node.pointee.step += 1
    }
    node.pointee.time += node.pointee.interval
    node.pointee.fired += 1
    node.pointee.remaining -= 1
    node.pointee.step = 0
    for port in first..<(first + node.pointee.inputs + node.pointee.outputs) {
      ports.base[port].advance()
    }
    recorder?.ended(index, at: node.pointee.time)
    return true
  }
}
