// allot/allot.hpp - Allot for C++17 and later: header only, on the functions of the C headers.
// Part of Allot. MIT licence.
//
//     allot::arena            push, make<T>; objects with destructors are destroyed with it
//     allot::arena::scope     rewinds an arena at the end of a scope
//     allot::scratch          an arena of the thread, for a scope
//     allot::stack_scope      make on a stack; popped at the end of a scope
//     allot::pool<T>          make, destroy, make_unique
//     allot::heap             a heap object
//     allot::make_unique<T>   any allocator; unique_ptr, deleter<T>, malloc_ptr<T>
//     allot::allocator<T>     for containers; allot::memory_resource for std::pmr
//     allot::pmr_allocator    the other way: an allot_allocator over a std::pmr::memory_resource
//     allot::defer            calls something at the end of a scope
//
// Failure. What has its name and meaning from the standard library (make_unique, allocator,
// memory_resource) throws std::bad_alloc, or ends the program where exceptions are switched off.
// All else returns nullptr or -errno, allot_last_error() having the cause, and throws only what a
// constructor of yours does. Nothing here needs RTTI.
//
// Owners can be moved, not copied. One that was moved from is empty: it converts to false, gives
// nullptr and may be destroyed or assigned to.
//
// An allot_allocator * that is nullptr stands for the default allocator of the moment of the call.
// What remembers an allocator remembers that one, also when the default changes.
//
// Threads: as the C functions that are used; nothing here has state of its own.
#ifndef ALLOT_ALLOT_HPP
#define ALLOT_ALLOT_HPP

#include <allot/memory.hpp>
#include <allot/regions.hpp>

#endif
