/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: an extent has room for a node; who links it is not built here. */
#ifndef USER_LLIST_H
#define USER_LLIST_H

struct llist_node {
	struct llist_node *next;
};

#endif
