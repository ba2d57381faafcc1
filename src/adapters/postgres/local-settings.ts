/**
 * For one server on a laptop: little memory while idle, few processes, and every commit on disk
 * before it is acknowledged. Given on the command line, so that they are the same for old data.
 */
export function serverSettings(major: number, socketFolder: string): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '',
    // A list: quoted, since the folder's name may hold a comma or space.
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    port: '5432',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    max_connections: '60',
    shared_buffers: '64MB',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    effective_cache_size: '512MB',
    random_page_cost: '1.1',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    max_parallel_workers: '0',
    max_worker_processes: '2',
    autovacuum_max_workers: '1',
    // No standby: less is written.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '256MB',
    min_wal_size: '32MB',
    deadlock_timeout: '200ms',
    huge_pages: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    lc_messages: 'C',
    ...(major >= 18 && { io_method: 'sync' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
