/*
 * A Vulkan driver that hands all to the one named by VULKAN_LOG_DRIVER, and writes to the file VULKAN_LOG what memory
 * is asked for and given back: "M+ ID BYTES", "M- ID". So a software device tells what a session takes of a device's
 * memory, apart from what the device itself holds in the process. Built by bench/memory/vulkan.ts; 64-bit only, as it
 * reads two structures of Vulkan by their offsets.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *, const char *);
typedef int32_t (*Allocate)(void *device, const char *info, const void *allocator, uint64_t *memory);
typedef void (*Free)(void *device, uint64_t memory, const void *allocator);

/* VkMemoryAllocateInfo: sType, pNext, then the size */
enum { sizeOffset = 16 };

static void *driver;
static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Lookup ofInstance, ofPhysicalDevice, ofDevice;
static Allocate allocateMemory;
static Free freeMemory;

static void load(void) {
  if (driver != NULL) return;
  const char *name = getenv("VULKAN_LOG_DRIVER"), *file = getenv("VULKAN_LOG");
  driver = name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
  out = file ? fopen(file, "w") : NULL;
  if (driver == NULL || out == NULL) {
    fprintf(stderr, "vulkan-log: VULKAN_LOG_DRIVER and VULKAN_LOG have to name a driver and a file\n");
    exit(1);
  }
  setvbuf(out, NULL, _IOLBF, 0);
  ofInstance = (Lookup)dlsym(driver, "vk_icdGetInstanceProcAddr");
  ofPhysicalDevice = (Lookup)dlsym(driver, "vk_icdGetPhysicalDeviceProcAddr");
}

static int32_t loggedAllocate(void *device, const char *info, const void *allocator, uint64_t *memory) {
  int32_t result = allocateMemory(device, info, allocator, memory);
  if (result != 0) return result;
  pthread_mutex_lock(&lock);
  fprintf(out, "M+ %llx %llu\n", (unsigned long long)*memory,
          (unsigned long long)*(const uint64_t *)(info + sizeOffset));
  pthread_mutex_unlock(&lock);
  return result;
}

static void loggedFree(void *device, uint64_t memory, const void *allocator) {
  if (memory != 0) {
    pthread_mutex_lock(&lock);
    fprintf(out, "M- %llx\n", (unsigned long long)memory);
    pthread_mutex_unlock(&lock);
  }
  freeMemory(device, memory, allocator);
}

static Function deviceFunction(void *device, const char *name);

static Function logged(const char *name, Function real) {
  if (real == NULL) return NULL;
  if (strcmp(name, "vkAllocateMemory") == 0) {
    allocateMemory = (Allocate)real;
    return (Function)loggedAllocate;
  }
  if (strcmp(name, "vkFreeMemory") == 0) {
    freeMemory = (Free)real;
    return (Function)loggedFree;
  }
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
    ofDevice = (Lookup)real;
    return (Function)deviceFunction;
  }
  return real;
}

static Function deviceFunction(void *device, const char *name) {
  return logged(name, ofDevice(device, name));
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  load();
  int32_t (*negotiate)(uint32_t *) =
      (int32_t(*)(uint32_t *))dlsym(driver, "vk_icdNegotiateLoaderICDInterfaceVersion");
  return negotiate(version);
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  load();
  return logged(name, ofInstance(instance, name));
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  load();
  return ofPhysicalDevice ? ofPhysicalDevice(instance, name) : NULL;
}
