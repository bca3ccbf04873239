import Programs

/// The shortest order found in which a program goes wrong, and what went wrong first.
package struct BreakingOrder: Sendable, Hashable {
  /// Work items in flight.
  package var slots: Int
  /// Agents that must go on in this order; everything after it is in the serial order.
  package var choices: [Int32]
  /// The operation that first read what it should not have, and the buffer; empty where none did.
  package var operation: String
  package var buffer: String
  /// What it read and what it should have read, in words.
  package var finding: String
  /// The last steps up to that operation, in order.
  package var steps: [String]
}

extension Trial {
  /// Runs spent on making an order shorter.
  private static let searchRuns = 240
  /// Steps shown before the one that goes wrong.
  private static let shownSteps = 12

  /// Shortens a failing order by delta debugging (Zeller, Hildebrandt 2002) and says where it goes wrong.
  func shortest(_ failing: Order) -> BreakingOrder {
    var runs = 0
    var (slots, choices) = (failing.slots, run(failing).choices)
    func fails(_ candidate: [Int32], _ slots: Int) -> Bool {
      runs += 1
      return !run(Order(.listed(candidate), slots: slots)).isRight
    }
    // Fewer items in flight make a shorter story.
    if slots > 1 {
      for number in 0..<16 {
        var order = Order.random(seed: 1, number: number)
        order.slots = 1
        let outcome = run(order)
        runs += 1
        if !outcome.isRight {
          (slots, choices) = (1, outcome.choices)
          break
        }
      }
    }
    if fails([], slots) {
      choices = []
    } else {
      // The end of the list first: by halves while a prefix still fails.
      var (good, bad) = (0, choices.count)
      while bad - good > 1, runs < Self.searchRuns / 2 {
        let middle = (good + bad) / 2
        if fails(Array(choices[..<middle]), slots) { bad = middle } else { good = middle }
      }
      choices = Array(choices[..<bad])
      var size = max(choices.count / 2, 1)
      while runs < Self.searchRuns {
        var start = 0
        var removed = false
        while start < choices.count, runs < Self.searchRuns {
          var candidate = choices
          candidate.removeSubrange(start..<min(start + size, choices.count))
          if fails(candidate, slots) {
            choices = candidate
            removed = true
          } else {
            start += size
          }
        }
        if size == 1, !removed { break }
        if !removed { size = max(size / 2, 1) }
      }
    }
    return explain(Order(.listed(choices), slots: slots), choices)
  }

  /// Compares a failing run, read by read, with the serial order of one work item after another.
  private func explain(_ order: Order, _ choices: [Int32]) -> BreakingOrder {
    let (wrong, right) = (Recorder(), Recorder())
    let outcome = run(order, recorder: wrong)
    let serial = run(Order(.serial, slots: 1), recorder: right)
    var expected: [Recorder.Identity: [Recorder.Access]] = [:]
    for entry in right.entries { expected[entry.identity] = entry.reads }
    var result = BreakingOrder(
      slots: order.slots, choices: choices, operation: "", buffer: "", finding: "", steps: [])
    for (place, entry) in wrong.entries.enumerated() where serial.isRight {
      guard let wanted = expected[entry.identity], wanted.count == entry.reads.count,
        let difference = zip(entry.reads, wanted).first(where: { $0.value != $1.value })
      else { continue }
      let story = Story(trial: self, entries: wrong.entries, others: right.entries)
      result.operation = story.name(entry)
      result.buffer = story.buffer(entry, difference.0)
      result.finding =
        "reads \(story.contents(difference.0.value)), should read \(story.contents(difference.1.value))"
      result.steps = wrong.entries[max(0, place - Self.shownSteps)...place].map { story.line($0) }
      return result
    }
    // The program is wrong in every order, or stops.
    if let fault = outcome.fault {
      result.finding = fault.description
      let story = Story(trial: self, entries: wrong.entries, others: [])
      result.steps = wrong.entries.suffix(Self.shownSteps).map { story.line($0) }
    } else {
      result.finding =
        "wrong also with one step after another: a computation is missing or is not the right one"
      poisoned(wrong, &result)
    }
    return result
  }

  /// Names the first operation that reads storage nobody wrote.
  private func poisoned(_ record: Recorder, _ result: inout BreakingOrder) {
    let story = Story(trial: self, entries: record.entries, others: [])
    for (place, entry) in record.entries.enumerated() {
      guard let read = entry.reads.first(where: { story.isUndefined($0.value) }) else { continue }
      result.operation = story.name(entry)
      result.buffer = story.buffer(entry, read)
      result.finding = "reads \(story.contents(read.value))"
      result.steps = record.entries[max(0, place - Self.shownSteps)...place].map { story.line($0) }
      return
    }
  }
}

/// Words for the steps of a recorded run.
private struct Story {
  let trial: Trial
  /// The step that first wrote each value.
  private var writers: [Int32: Recorder.Entry] = [:]

  init(trial: Trial, entries: [Recorder.Entry], others: [Recorder.Entry]) {
    self.trial = trial
    for entry in entries + others {
      for access in entry.writes where writers[access.value] == nil { writers[access.value] = entry }
    }
  }

  func name(_ entry: Recorder.Entry) -> String {
    let compiled = trial.kernels[entry.kernel]
    let actor = compiled.kernel.actors[compiled.operations[entry.step.operation].actor]
    return "\(actor.name): \(compiled.operations[entry.step.operation].name)"
  }

  func buffer(_ entry: Recorder.Entry, _ access: Recorder.Access) -> String {
    switch access.place {
    case .buffer(let index, let slot):
      let buffer = trial.kernels[entry.kernel].kernel.buffers[index]
      return buffer.slots > 1 ? "\(buffer.name) slot \(slot)" : buffer.name
    case .memory(let tensor): return tensor.rawValue
    }
  }

  /// `item 2 step 3, producer: load K -> K slot 1`.
  func line(_ entry: Recorder.Entry) -> String {
    let kernel = trial.kernels.count > 1 ? "\(trial.kernels[entry.kernel].kernel.name) " : ""
    let reads = entry.reads.map { buffer(entry, $0) }.joined(separator: ", ")
    let writes = entry.writes.map { buffer(entry, $0) }.joined(separator: ", ")
    let access = (reads.isEmpty ? "" : "  reads \(reads)") + (writes.isEmpty ? "" : "  writes \(writes)")
    return "\(kernel)item \(entry.step.item) step \(entry.step.step)  \(name(entry))\(access)"
  }

  func isUndefined(_ value: Int32) -> Bool {
    let key = trial.table.key(of: value)
    return key.origin == .constant && Float(bitPattern: UInt32(bitPattern: key.p)).isNaN
  }

  func contents(_ value: Int32) -> String {
    if isUndefined(value) { return "what nobody has written or what has been given back" }
    let key = trial.table.key(of: value)
    switch key.origin {
    case .crop:
      guard let name = trial.inputNames[key.a] else { break }
      return "rows \(key.p)..<\(min(Int(key.p + key.q), trial.table[key.a].rows)) of \(name)"
    case .overlay, .assembly: return "a mixture, some of it \(contents(key.a))"
    case .constant: return "\(Float(bitPattern: UInt32(bitPattern: key.p))) everywhere"
    default: break
    }
    if let name = trial.inputNames[value] { return name }
    guard let writer = writers[value] else { return "another value" }
    return "the result of '\(name(writer))' of item \(writer.step.item) step \(writer.step.step)"
  }
}
