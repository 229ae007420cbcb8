/*
 * Stands in for libc where the Linux back end loads it: a spidev node and a GPIO chip whose other end is an emulated
 * module, served on a Unix socket (BUS_PATH). Every request number, size, offset and field that it is handed is held
 * against the kernel's own headers; whatever is wrong fails with EINVAL and a line on standard error.
 *
 * It calls none of the functions that it replaces: their names might lead to either library.
 */
#include <errno.h>
#include <linux/gpio.h>
#include <linux/spi/spidev.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum { SELECT_LINE = 5, READY_LINE = 25, RESET_LINE = 24, GPIO0_LINE = 23, BUSY_LINE = 7 };
enum { SPI_FD = 1000, CHIP_FD = 1001, FIRST_LINE_FD = 1100, LINES = 64 };
enum { WINDOW_BYTES = 4096 };

struct line {
  int requested;
  uint64_t flags;
  int level;
  /* What edges were told up to. */
  int seen;
  int pending;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line lines[LINES];
static int bus = -1;
static int spi_open, spi_mode_set, spi_bits_set, spi_speed_set;

static int wrong(const char *what) {
  fprintf(stderr, "fake libc: %s\n", what);
  errno = EINVAL;
  return -1;
}

#define EXPECT(condition) \
  if (!(condition)) return wrong(#condition)

static int zero(const void *memory, size_t size) {
  const unsigned char *bytes = memory;
  for (size_t i = 0; i < size; i++)
    if (bytes[i]) return 0;
  return 1;
}

/* ---- the emulated module ---- */

static int connect_bus(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, BUS_PATH, sizeof address.sun_path - 1);
  bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bus < 0 || connect(bus, (struct sockaddr *)&address, sizeof address) < 0) return wrong("no bus at " BUS_PATH);
  return 0;
}

static int receive(unsigned char *into, size_t size) {
  for (size_t at = 0; at < size;) {
    ssize_t count = recv(bus, into + at, size - at, 0);
    if (count <= 0) return -1;
    at += count;
  }
  return 0;
}

/* One request and its reply, whose payload goes to `reply`. Gives the payload's length, or -1. */
static int ask(unsigned char opcode, const void *payload, size_t size, unsigned char *reply, size_t limit) {
  if (bus < 0 && connect_bus() < 0) return -1;
  uint32_t length = size + 1;
  unsigned char head[5] = {length, length >> 8, length >> 16, length >> 24, opcode};
  if (send(bus, head, 5, MSG_NOSIGNAL) != 5) return wrong("the bus is gone");
  if (size && send(bus, payload, size, MSG_NOSIGNAL) != (ssize_t)size) return wrong("the bus is gone");
  if (receive(head, 5) < 0) return wrong("the bus did not answer");
  uint32_t came = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
  if (came - 1 > limit || receive(reply, came - 1) < 0) return wrong("the bus answered too much");
  if (head[4] != opcode) return wrong("the bus refused a request");
  return came - 1;
}

/* The level of a line; for inputs the module's, and edges since the last look are noted. */
static int level_of(int offset) {
  struct line *line = &lines[offset];
  if (!(line->flags & GPIO_V2_LINE_FLAG_INPUT)) return line->level;
  unsigned char status[5];
  if (ask(2, NULL, 0, status, sizeof status) < 5) return -1;
  int level = offset == READY_LINE ? status[0] : status[1];
  if (level != line->seen) line->pending = 1;
  line->seen = level;
  return level;
}

static int drive(int offset, int level) {
  unsigned char nothing[1];
  struct line *line = &lines[offset];
  int before = line->level;
  line->level = level;
  if (before == level) return 0;
  if (offset == SELECT_LINE) return ask(level ? 8 : 6, NULL, 0, nothing, 0);
  if (offset != RESET_LINE || !level) return 0;
  if (ask(3, NULL, 0, nothing, 0) < 0) return -1;
  /* The server closes the connection after a reset; the next request makes a new one. */
  shutdown(bus, SHUT_RDWR);
  bus = -1;
  return 0;
}

/* ---- GPIO ---- */

static int check_config(int offset, const struct gpio_v2_line_config *config, int *level) {
  uint64_t input = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_UP | GPIO_V2_LINE_FLAG_EDGE_RISING |
                   GPIO_V2_LINE_FLAG_EDGE_FALLING;
  EXPECT(zero(config->padding, sizeof config->padding));
  if (config->flags == GPIO_V2_LINE_FLAG_OUTPUT) {
    const struct gpio_v2_line_config_attribute *attribute = &config->attrs[0];
    EXPECT(offset != READY_LINE);
    EXPECT(config->num_attrs == 1);
    EXPECT(attribute->attr.id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES);
    EXPECT(attribute->attr.padding == 0);
    EXPECT(attribute->attr.values <= 1);
    EXPECT(attribute->mask == 1);
    EXPECT(zero(&config->attrs[1], sizeof config->attrs - sizeof config->attrs[0]));
    *level = (int)attribute->attr.values;
    return 0;
  }
  EXPECT(config->flags == input);
  EXPECT(offset == READY_LINE || offset == GPIO0_LINE);
  EXPECT(config->num_attrs == 0);
  EXPECT(zero(config->attrs, sizeof config->attrs));
  return 0;
}

static int request_line(struct gpio_v2_line_request *request) {
  int level = 1;
  uint32_t offset = request->offsets[0];
  EXPECT(request->num_lines == 1);
  EXPECT(zero(&request->offsets[1], sizeof request->offsets - sizeof request->offsets[0]));
  EXPECT(strncmp(request->consumer, "minimqtt ", 9) == 0);
  EXPECT(request->consumer[sizeof request->consumer - 1] == 0);
  EXPECT(zero(request->padding, sizeof request->padding));
  EXPECT(request->event_buffer_size == 0);
  EXPECT(request->fd == 0);
  EXPECT(offset < LINES);
  if (offset == BUSY_LINE || lines[offset].requested) {
    errno = EBUSY;
    return -1;
  }
  if (check_config(offset, &request->config, &level) < 0) return -1;
  /* Chip select LOW, or RESET, even for a moment: Bluetooth, or a reset. */
  EXPECT(level == 1);
  lines[offset] = (struct line){.requested = 1, .flags = request->config.flags, .level = level};
  if (request->config.flags & GPIO_V2_LINE_FLAG_INPUT) {
    lines[offset].seen = level_of(offset);
    lines[offset].pending = 0;
  }
  request->fd = FIRST_LINE_FD + offset;
  return 0;
}

static int line_ioctl(int offset, unsigned long request, void *argument) {
  struct line *line = &lines[offset];
  if (!line->requested) return wrong("a line that was given back");
  if (request == GPIO_V2_LINE_GET_VALUES_IOCTL) {
    struct gpio_v2_line_values *values = argument;
    EXPECT(values->mask == 1);
    int level = level_of(offset);
    if (level < 0) return -1;
    values->bits = level;
    return 0;
  }
  if (request == GPIO_V2_LINE_SET_VALUES_IOCTL) {
    struct gpio_v2_line_values *values = argument;
    EXPECT(values->mask == 1);
    EXPECT(values->bits <= 1);
    EXPECT(line->flags == GPIO_V2_LINE_FLAG_OUTPUT);
    return drive(offset, (int)values->bits) < 0 ? -1 : 0;
  }
  EXPECT(request == GPIO_V2_LINE_SET_CONFIG_IOCTL);
  struct gpio_v2_line_config *config = argument;
  int level = line->level;
  EXPECT(offset == GPIO0_LINE);
  if (check_config(offset, config, &level) < 0) return -1;
  line->flags = config->flags;
  line->level = level;
  return 0;
}

/* ---- SPI ---- */

static int spi_message(const struct spi_ioc_transfer *transfer) {
  static unsigned char miso[WINDOW_BYTES];
  EXPECT(spi_mode_set && spi_bits_set && spi_speed_set);
  EXPECT(transfer->tx_buf && transfer->rx_buf);
  EXPECT(transfer->len > 0);
  EXPECT(transfer->speed_hz == 1000000);
  EXPECT(transfer->bits_per_word == 8);
  EXPECT(transfer->delay_usecs == 0 && transfer->cs_change == 0);
  EXPECT(transfer->tx_nbits == 0 && transfer->rx_nbits == 0 && transfer->word_delay_usecs == 0);
  EXPECT(transfer->pad == 0);
  if (transfer->len > WINDOW_BYTES) {
    errno = EMSGSIZE;
    return -1;
  }
  EXPECT(lines[SELECT_LINE].requested && lines[SELECT_LINE].level == 0);
  int count = ask(7, (const void *)(uintptr_t)transfer->tx_buf, transfer->len, miso, sizeof miso);
  if (count < 0) return -1;
  EXPECT((uint32_t)count == transfer->len);
  memcpy((void *)(uintptr_t)transfer->rx_buf, miso, count);
  return count;
}

static int spi_ioctl(unsigned long request, void *argument) {
  if (!spi_open) return wrong("spidev is closed");
  if (request == SPI_IOC_WR_MODE) {
    /* As a controller that cannot do without its own chip select. */
    if (*(uint8_t *)argument == SPI_NO_CS) {
      errno = EINVAL;
      return -1;
    }
    EXPECT(*(uint8_t *)argument == SPI_MODE_0);
    spi_mode_set = 1;
    return 0;
  }
  if (request == SPI_IOC_WR_BITS_PER_WORD) {
    EXPECT(*(uint8_t *)argument == 8);
    spi_bits_set = 1;
    return 0;
  }
  if (request == SPI_IOC_WR_MAX_SPEED_HZ) {
    EXPECT(*(uint32_t *)argument == 1000000);
    spi_speed_set = 1;
    return 0;
  }
  EXPECT(request == SPI_IOC_MESSAGE(1));
  return spi_message(argument);
}

/* ---- what the back end calls ---- */

int open(const char *path, int flags, ...) {
  EXPECT(flags == 02000002); /* O_RDWR | O_CLOEXEC, of <fcntl.h>, which declares open() in another way. */
  if (strcmp(path, "/dev/spidev7.3") == 0) {
    spi_open = 1;
    return SPI_FD;
  }
  if (strcmp(path, "/dev/gpiochip9") == 0) return CHIP_FD;
  errno = strcmp(path, "/dev/forbidden") == 0 ? EACCES : ENOENT;
  return -1;
}

int close(int fd) {
  if (fd == SPI_FD) spi_open = spi_mode_set = spi_bits_set = spi_speed_set = 0;
  else if (fd >= FIRST_LINE_FD && fd < FIRST_LINE_FD + LINES) lines[fd - FIRST_LINE_FD].requested = 0;
  else if (fd != CHIP_FD) return wrong("closes what it had not opened");
  return 0;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  pthread_mutex_lock(&lock);
  int result;
  if (fd == SPI_FD) result = spi_ioctl(request, argument);
  else if (fd == CHIP_FD && request == GPIO_V2_GET_LINE_IOCTL) result = request_line(argument);
  else if (fd >= FIRST_LINE_FD && fd < FIRST_LINE_FD + LINES) result = line_ioctl(fd - FIRST_LINE_FD, request, argument);
  else result = wrong("an ioctl that is none");
  pthread_mutex_unlock(&lock);
  return result;
}

ssize_t read(int fd, void *into, size_t size) {
  int offset = fd - FIRST_LINE_FD;
  if (offset != READY_LINE && offset != GPIO0_LINE) return wrong("reads from what has no edges");
  if (size < sizeof(struct gpio_v2_line_event)) return wrong("an event does not fit");
  pthread_mutex_lock(&lock);
  struct line *line = &lines[offset];
  struct gpio_v2_line_event event = {
      .id = line->seen ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE,
      .offset = (uint32_t)offset,
  };
  int pending = line->pending;
  line->pending = 0;
  pthread_mutex_unlock(&lock);
  if (!pending) return wrong("reads where no edge is waiting: this would block");
  memcpy(into, &event, sizeof event);
  return sizeof event;
}

/* The header calls the array write-only, which `events` is not. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
int poll(struct pollfd *files, nfds_t count, int timeout) {
  EXPECT(count == 1);
  EXPECT(files->events == POLLIN);
  int offset = files->fd - FIRST_LINE_FD;
  EXPECT(offset == READY_LINE || offset == GPIO0_LINE);
  struct timespec pause = {.tv_nsec = 200000};
  for (int waited = 0;; waited += 200) {
    pthread_mutex_lock(&lock);
    int level = lines[offset].requested ? level_of(offset) : 0;
    int pending = lines[offset].pending;
    pthread_mutex_unlock(&lock);
    if (level < 0) return -1;
    files->revents = pending ? POLLIN : 0;
    if (pending) return 1;
    if (waited >= timeout * 1000) return 0;
    nanosleep(&pause, NULL);
  }
}
