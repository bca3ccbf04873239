/// The rule of one axis of a neighborhood mask.
///
/// With dilation d, token x belongs to group `x mod d` and has place `x div d` in it; only tokens of one group attend
/// to each other, and everything below is on places in a group. Queries of a stride group share the window of the
/// group's leader. At the edges a window is shifted, never cut; a causal window is cut at the start.
public struct NeighborhoodAxis: Sendable, Hashable {
  public let length: Int
  public let window: Int
  public let stride: Int
  public let dilation: Int
  public let isCausal: Bool

  init(length: Int, window: Int, stride: Int, dilation: Int, isCausal: Bool) {
    self.length = length
    self.window = window
    self.stride = stride
    self.dilation = dilation
    self.isCausal = isCausal
  }

  /// Tokens of dilation group `group`.
  package func groupLength(_ group: Int) -> Int { length / dilation + (group < length % dilation ? 1 : 0) }

  /// The first key of the window of the query at `place` in a group of `groupLength` tokens.
  ///
  /// Places past the group's end are padding; kernels give them the last window.
  func windowStart(_ place: Int, groupLength: Int) -> Int {
    let group = place / stride * stride
    if isCausal { return max(min(group + stride - 1, groupLength - 1) - window + 1, 0) }
    let leader = min(group + stride / 2, groupLength - 1)
    return min(max(leader - window / 2, 0), groupLength - window)
  }

  /// The end (exclusive) of the keys of the query at `place`.
  func windowEnd(_ place: Int, groupLength: Int) -> Int {
    isCausal ? min(place + 1, groupLength) : windowStart(place, groupLength: groupLength) + window
  }

  /// Keys that some query of `places` (not empty) attends to: strides are no longer than windows, so there is no gap.
  package func seen(by places: Range<Int>, groupLength: Int) -> Range<Int> {
    windowStart(
      places.lowerBound, groupLength: groupLength)..<windowEnd(
        places.upperBound - 1, groupLength: groupLength)
  }

  /// Keys that all queries of `places` (not empty) attend to.
  package func common(to places: Range<Int>, groupLength: Int) -> Range<Int> {
    let first = windowStart(places.upperBound - 1, groupLength: groupLength)
    return first..<max(windowEnd(places.lowerBound, groupLength: groupLength), first)
  }

  /// Pairs of queries at `places` and keys at `keys`, of one group. Complexity: O(places).
  package func pairs(of places: Range<Int>, with keys: Range<Int>, groupLength: Int) -> Int {
    places.reduce(0) {
      let start = max(windowStart($1, groupLength: groupLength), keys.lowerBound)
      return $0 + max(min(windowEnd($1, groupLength: groupLength), keys.upperBound) - start, 0)
    }
  }

  /// Pairs of tokens of this axis that may attend.
  package var attendedPairs: Int {
    guard isCausal else { return length * window }
    // Groups come in two lengths, the longer ones first.
    let longer = length % dilation
    return longer * causalPairs(groupLength: length / dilation + 1)
      + (dilation - longer) * causalPairs(groupLength: length / dilation)
  }

  private func causalPairs(groupLength: Int) -> Int {
    var pairs = 0
    for place in Swift.stride(from: 0, to: groupLength, by: stride) {
      let end = min(place + stride, groupLength)
      let start = windowStart(place, groupLength: groupLength)
      // The sum of query - start + 1 over the stride group.
      pairs += (place + end - 1 - 2 * start + 2) * (end - place) / 2
    }
    return pairs
  }
}

extension NeighborhoodAxis {
  /// The first of NATTEN's rules (checks.py) that the axis breaks.
  package func problem(axis: Int) -> MaskProblem? {
    let place = "axis \(axis + 1)"
    if length < 1 {
      return MaskProblem(field: "shape", limit: 1, message: "\(place): length \(length) is less than 1")
    }
    if window < 2 {
      return MaskProblem(field: "window", limit: 2, message: "\(place): window \(window) is less than 2")
    }
    if window > length {
      return MaskProblem(
        field: "window", limit: length,
        message: "\(place): window \(window) is larger than the axis, which has \(length) tokens")
    }
    if stride < 1 || stride > window {
      return MaskProblem(
        field: "stride", limit: window,
        message: "\(place): stride \(stride) must lie between 1 and the window, which is \(window)")
    }
    if dilation < 1 || dilation > length / window {
      let cause =
        dilation > length
        ? "leaves groups empty"
        : "leaves a group of \(length / max(dilation, 1)) tokens for a window of \(window)"
      return MaskProblem(
        field: "dilation", limit: length / window,
        message: dilation < 1
          ? "\(place): dilation \(dilation) is less than 1"
          : "\(place): dilation \(dilation) \(cause); at most \(length / window) fits an axis of \(length) tokens"
      )
    }
    return nil
  }

  package func problem(orderTile tile: Int, axis: Int) -> MaskProblem? {
    if tile >= 1, length % (tile * dilation) == 0 { return nil }
    return MaskProblem(
      field: "order", limit: length / dilation,
      message:
        "axis \(axis + 1): a permuted order of \(tile) tokens a tile does not divide an axis of \(length) tokens"
        + (dilation > 1 ? " in \(dilation) dilation groups" : ""))
  }
}
