/// How far a long command is, on standard error: a line that overwrites itself on a terminal, elsewhere a line now and then.
struct ProgressLine {
  private let label: String
  private let total: Int
  private let isTerminal = Console.errorIsTerminal
  private let start = ContinuousClock.now
  private var last = ContinuousClock.now

  init(label: String, total: Int) {
    self.label = label
    self.total = total
  }

  mutating func advance(to done: Int) {
    let now = ContinuousClock.now
    guard total > 0, done < total, now - last > (isTerminal ? .milliseconds(100) : .seconds(20)) else {
      return
    }
    last = now
    let seconds = (now - start).components.seconds
    let text = "\(label): \(done) of \(total) parts, \(seconds) s"
    isTerminal ? Console.progress("\r\(text)   ") : Console.error(text)
  }

  func finish() {
    if isTerminal { Console.progress("\r" + String(repeating: " ", count: 72) + "\r") }
  }
}
