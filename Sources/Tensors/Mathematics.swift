import Foundation

// Foundation's functions under names that do not collide with the tensor's methods.
func expMath(_ x: Double) -> Double { exp(x) }
func logMath(_ x: Double) -> Double { log(x) }
