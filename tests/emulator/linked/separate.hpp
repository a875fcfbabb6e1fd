#pragma once
/// What the files of the linked test share: a program of three objects, one of them in a library.

struct Point {
  int x;
  int y;
};
using Operation = int (*)(int);

/// A weak function of every object that uses it, with a counter that all of them share.
inline __device__ int counted(int value) {
  static __device__ int calls;
  atomicAdd(&calls, 1);
  return value + calls * 0;
}
