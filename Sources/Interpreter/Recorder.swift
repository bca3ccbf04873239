import Programs

/// A written record of a run: every step with what it read and wrote.
final class Recorder {
  enum Place: Hashable {
    case buffer(Int, slot: Int)
    case memory(Tensor)
  }

  struct Access {
    var place: Place
    var value: Int32
  }

  struct Entry {
    var kernel: Int
    var slot: Int
    var step: Step
    var reads: [Access] = []
    var writes: [Access] = []
  }

  /// The same operation of the same work item in every order.
  struct Identity: Hashable {
    var kernel: Int
    var item: Int
    var operation: Int
    var step: Int
    var trip: Int
  }

  private(set) var entries: [Entry] = []

  func begin(kernel: Int, slot: Int, _ step: Step) {
    entries.append(Entry(kernel: kernel, slot: slot, step: step))
  }
  func read(_ place: Place, value: Int32) {
    entries[entries.count - 1].reads.append(Access(place: place, value: value))
  }
  func write(_ place: Place, value: Int32) {
    entries[entries.count - 1].writes.append(Access(place: place, value: value))
  }
}

extension Recorder.Entry {
  var identity: Recorder.Identity {
    Recorder.Identity(
      kernel: kernel, item: step.item, operation: step.operation, step: step.step, trip: step.trip)
  }
}
