/* tsan_zmq.c - shows the thread sanitizer the one thing that it cannot see: a message that is received was sent before.
 *
 * ZeroMQ hands a message from thread to thread with atomic instructions inside its own library, which is not built
 * under the sanitizer. Linked only into SAN=thread builds, where the linker sends these calls of net.c here (--wrap).
 * The order is tied to the address of the message's bytes, so two threads that merely both use ZeroMQ are not taken for
 * ordered.
 */
#include <sanitizer/tsan_interface.h>
#include <zmq.h>

int __real_zmq_msg_send(zmq_msg_t *message, void *socket, int flags);
int __real_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);
int __real_zmq_msg_close(zmq_msg_t *message);
int __wrap_zmq_msg_send(zmq_msg_t *message, void *socket, int flags);
int __wrap_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);
int __wrap_zmq_msg_close(zmq_msg_t *message);

int __wrap_zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
    __tsan_release(zmq_msg_data(message));
    return __real_zmq_msg_send(message, socket, flags);
}

int __wrap_zmq_msg_recv(zmq_msg_t *message, void *socket, int flags)
{
    int size = __real_zmq_msg_recv(message, socket, flags);
    if (size >= 0)
        __tsan_acquire(zmq_msg_data(message));
    return size;
}

/* The last of several references frees the bytes: after what every other holder did with them. */
int __wrap_zmq_msg_close(zmq_msg_t *message)
{
    __tsan_release(zmq_msg_data(message));
    __tsan_acquire(zmq_msg_data(message));
    return __real_zmq_msg_close(message);
}
