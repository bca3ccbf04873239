/// A table, map or record that cannot be used, in words for the person who gave it.
package struct UnusableInput: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
