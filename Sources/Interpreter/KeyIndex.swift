/// Numbers keys in the order in which they come, equal keys alike: a hash table in raw memory with linear probing.
///
/// A repeated step of an order is little more than such look-ups, and a dictionary without the optimiser takes ten times
/// as long.
final class KeyIndex {
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private(set) var keys: UnsafeMutablePointer<ValueTable.Key>
  /// Numbers of keys, or -1; twice as many places as keys at least.
  @exclusivity(unchecked) private var places: UnsafeMutablePointer<Int32>
  @exclusivity(unchecked) private var capacity: Int

  init() {
    capacity = 256
    keys = .allocate(capacity: 256)
    places = .allocate(capacity: 512)
    places.initialize(repeating: -1, count: 512)
  }

  deinit {
    keys.deallocate()
    places.deallocate()
  }

  /// The number of a key, or -1 where it is new.
  func find(_ key: ValueTable.Key) -> Int32 {
    let mask = 2 &* capacity &- 1
    var place = key.hash & mask
    while true {
      let number = places[place]
      if number < 0 { return -1 }
      let other = keys + Int(number)
      if other.pointee.a == key.a, other.pointee.b == key.b, other.pointee.c == key.c,
        other.pointee.p == key.p, other.pointee.q == key.q, other.pointee.r == key.r,
        other.pointee.s == key.s, other.pointee.tag == key.tag
      {
        return number
      }
      place = (place &+ 1) & mask
    }
  }

  /// Numbers a key that is new.
  func insert(_ key: ValueTable.Key) -> Int32 {
    if count == capacity { grow() }
    let number = Int32(count)
    (keys + count).initialize(to: key)
    count &+= 1
    enter(number, key.hash)
    return number
  }

  private func enter(_ number: Int32, _ hash: Int) {
    let mask = 2 &* capacity &- 1
    var place = hash & mask
    while places[place] >= 0 { place = (place &+ 1) & mask }
    places[place] = number
  }

  private func grow() {
    let more = UnsafeMutablePointer<ValueTable.Key>.allocate(capacity: 2 * capacity)
    more.update(from: keys, count: count)
    keys.deallocate()
    keys = more
    capacity *= 2
    places.deallocate()
    places = .allocate(capacity: 2 * capacity)
    places.initialize(repeating: -1, count: 2 * capacity)
    var number = 0
    while number < count {
      enter(Int32(truncatingIfNeeded: number), keys[number].hash)
      number &+= 1
    }
  }
}
